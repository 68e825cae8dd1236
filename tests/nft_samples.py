"""nft commands, one for each form of match and statement that nft 1.0.6 and Linux take: what the kernel gives back is what our reading is judged by."""

SETUP = """\
add table inet t
add set inet t s4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.0.1-192.168.0.9, 1.2.3.4 } }
add set inet t cc { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 22, 1.2.3.4 . 80-90 } }
add set inet t dyn { type ipv4_addr; size 128; flags dynamic,timeout; timeout 1m; }
add set inet t tof { typeof ip saddr . tcp dport; elements = { 1.2.3.4 . 99 } }
add set inet t ifs { type ifname; flags interval; elements = { "eth*", "lo" } }
add set inet t cnt { type inet_service; counter; elements = { 22 comment "ssh", 80 timeout 1h } ; flags timeout;}
add map inet t d { type inet_service : ipv4_addr . inet_service; flags interval; elements = { 8000-8010 : 10.0.0.1 . 80 } }
add map inet t mk { type ipv4_addr : mark; elements = { 1.2.3.4 : 0x10 } }
add counter inet t c1 { }
add quota inet t q1 { over 10 mbytes }
add limit inet t l1 { rate 10/second burst 5 packets }
add ct helper inet t ftp-h { type "ftp" protocol tcp; }
add ct expectation inet t e1 { protocol tcp; dport 9876; timeout 1m; size 12; l3proto ip; }
add chain inet t c
add chain inet t in { type filter hook input priority filter; policy drop; }
add chain inet t pre { type nat hook prerouting priority dstnat; }
add chain inet t post { type nat hook postrouting priority srcnat; }
add chain inet t raw { type filter hook prerouting priority raw; }
add chain inet t f { type filter hook forward priority 0; }
add chain inet t r { type route hook output priority mangle; }
add table netdev nd
add chain netdev nd i { type filter hook ingress device "lo" priority -500; }
add chain netdev nd j { type filter hook ingress devices = { lo, eth0 } priority 5; }
add chain netdev nd e { type filter hook egress device "lo" priority 5; }
add table arp a
add chain arp a i { type filter hook input priority 0; }
add table bridge b
add chain bridge b i { type filter hook forward priority 0; }
add table ip x { flags dormant; }
add chain ip x i { type filter hook input priority 7; policy drop; comment "what"; }
add table inet u
add set inet u big { type ipv4_addr; flags interval; auto-merge; elements = { 1.2.3.4, 10.0.0.0/8 }; }
add set inet u wc { type ipv4_addr; flags timeout; gc-interval 5s; size 100; comment "x y"; }
add map inet u v { type ipv4_addr . inet_proto . inet_service : verdict; flags interval; elements = { 10.0.0.0/8 . tcp . 22 : accept, * : drop }; }
add map inet u v2 { type inet_service : verdict; elements = { 22 : accept, * : drop }; }
add map inet u v3 { typeof ip saddr . meta mark : verdict; }
add map inet u v4 { type inet_service : verdict; flags interval; elements = { 22-30 comment "hi" : accept, * : drop }; }
add map inet u cm { type inet_service : counter; }
add counter inet u c1
add map inet u cmm { type inet_service : counter; elements = { 22 : "c1" }; }
add map inet u lim { type inet_service : limit; }
add set inet u es { type inet_service; elements = { 22 limit rate 3/second, 23 }; limit rate 4/second; }
add set inet u cs { type inet_service; flags dynamic; ct count over 3; }
add set inet u ifm { type ifname . mark; elements = { "eth0" . 5 }; }
add set inet u mm { type mark; flags interval; elements = { 5-10 }; }
add set inet u pr { type inet_proto; elements = { tcp, 47 }; }
add set inet u et { type ether_addr; elements = { 00:11:22:33:44:55 }; }
add set inet u sst { type ct_state; elements = { new }; }
add set inet u fbt { typeof fib daddr type; elements = { local }; }
add set inet u ict { type icmp_type; elements = { echo-request }; }
add set inet u v6 { type ipv6_addr; flags interval; elements = { fe80::/10, ::1, 2001:db8::1-2001:db8::ff }; }
add set inet u con { type ipv4_addr; flags constant; elements = { 1.2.3.4 }; }
add map inet u nmap4 { type ipv4_addr : interval ipv4_addr; flags interval; elements = { 10.0.0.0/24 : 10.1.0.0/24 }; }
add map inet u port { type inet_service : inet_service; elements = { 80 : 8080 }; }
add chain inet u in { type filter hook input priority filter; policy drop; }
add chain inet u ing { type filter hook ingress device "lo" priority 10; }
add chain inet u pre { type nat hook prerouting priority dstnat; }
add chain inet u post { type nat hook postrouting priority srcnat; }
add chain inet u raw { type filter hook prerouting priority raw; }
add table ip q
add chain ip q o { type filter hook output priority 0; }
add table netdev nd2
add chain netdev nd2 i { type filter hook ingress device "eth0" priority 0; }
add table bridge bb
add chain bridge bb i { type filter hook input priority 0; }
add chain inet u x
add map inet u jumps { type inet_service : verdict; elements = { 22 : jump x, 80 : goto x, 81 : drop }; }
add set inet u wcd { type ipv4_addr; flags dynamic,timeout; size 100; }
add map inet u dynmap { type ipv4_addr : mark; flags dynamic; size 100; timeout 1m; }
"""

RULES = """\
inet t c return
inet t in ip saddr @s4 accept
inet t in ip saddr . tcp dport @cc accept
inet t in ip saddr != @s4 tcp dport {22, 80, 1000-2000} accept
inet t in iifname "eth*" accept
inet t in iifname { "lo", "wg*" } accept
inet t in iifname @ifs accept
inet t in iif lo accept
inet t in iifgroup 5 accept
inet t in ct state established,related accept
inet t in ct state { new, invalid } accept
inet t in ct state vmap { established : accept, invalid : drop }
inet t in ct status dnat accept
inet t in ct status != dnat accept
inet t in ct direction original accept
inet t in ct original ip saddr 1.2.3.4 accept
inet t in ct mark & 0xff == 0x10 accept
inet t in ct mark set meta mark
inet t in meta mark set ct mark
inet t in meta mark set 0x10
inet t in meta mark set meta mark & 0xffffff00 | 0x10
inet t in meta mark set ip saddr map @mk
inet t in meta mark 0x10-0x20 accept
inet t in meta mark and 0xff 5 accept
inet t in meta mark & 0xff != 0 accept
inet t in fib daddr type local accept
inet t in fib daddr . iif type { local, broadcast } accept
inet t in fib saddr . iif oif missing drop
inet t in fib saddr . iif oif eq 0 drop
inet t in fib saddr . mark . iif oif exists accept
inet t in pkttype { broadcast, multicast } drop
inet t in tcp flags syn accept
inet t in tcp flags & (fin|syn|rst|ack) == syn accept
inet t in tcp flags & (fin|syn|rst|ack) != syn accept
inet t in tcp flags syn,ack accept
inet t in tcp flags syn / syn,ack accept
inet t in icmp type echo-request accept
inet t in icmpv6 type { nd-neighbor-solicit, packet-too-big } accept
inet t in icmp type . icmp code { echo-request . 0 } accept
inet t in icmp code 3 accept
inet t in ether saddr 00:11:22:33:44:55 accept
inet t in ether type ip accept
inet t in vlan id 5 accept
inet t in meta l4proto { tcp, udp } th dport 53 accept
inet t in meta nfproto ipv4 accept
inet t in meta protocol ip accept
inet t in ip protocol icmp accept
inet t in ip6 nexthdr tcp accept
inet t in ip frag-off & 0x1fff != 0 drop
inet t in ip length 1-100 drop
inet t in ip ttl < 5 drop
inet t in ip dscp af11 accept
inet t in @th,16,16 80 accept
inet t in @th,0,8 & 0x0f == 3 accept
inet t in udp length 8 drop
inet t in tcp dport < 1024 accept
inet t in tcp dport >= 1024 accept
inet t in tcp sport 1-100 accept
inet t in tcp option maxseg size 1-500 drop
inet t in ip option rr exists drop
inet t in exthdr frag exists drop
inet t in rt type 0 drop
inet t in meta skuid 1000 accept
inet t in meta length > 100 accept
inet t in meta time >= "2026-01-01 00:00:00" accept
inet t in meta hour "08:00"-"17:00" accept
inet t in meta day "Saturday" accept
inet t in meta cpu 1 accept
inet t in meta iifkind "vlan" accept
inet t in meta iiftype ether accept
inet t in meta random 5 accept
inet t in socket transparent 1 accept
inet t in osf name "Linux" accept
inet t in ipsec in reqid 1 accept
inet t in numgen inc mod 3 vmap { 0 : accept, 1 : drop }
inet t in limit rate 10/minute accept
inet t in limit rate over 10/second burst 4 packets drop
inet t in limit rate 10 mbytes/second accept
inet t in limit name "l1" accept
inet t in quota over 5 mbytes drop
inet t in quota name "q1" drop
inet t in quota 25 mbytes accept
inet t in ct count 3 accept
inet t in ct count over 20 drop
inet t in counter packets 1 bytes 2 accept
inet t in counter name "c1" accept
inet t in log prefix "hi " level warn accept
inet t in log group 3 accept
inet t in add @dyn { ip saddr timeout 30s } accept
inet t in update @dyn { ip saddr limit rate 10/second } accept
inet t in delete @dyn { ip saddr }
inet t in meter m1 size 100 { ip saddr limit rate 10/second } accept
inet t in ct helper set "ftp-h"
inet t in ct expectation set "e1"
inet t in synproxy mss 1460 wscale 7
inet t in reject
inet t in reject with tcp reset
inet t in reject with icmpx type port-unreachable
inet t in reject with icmp type host-unreachable
inet t in continue
inet t in jump c
inet t in goto c
inet t in return
inet t in notrack
inet t in accept comment "a comment"
inet t in ip dscp set cs1
inet t in ct zone 5 accept
inet t in ct id 5 accept
inet t in ct expiration 5s accept
inet t in ct bytes > 100 accept
inet t in ct original packets > 4 accept
inet t in ct helper "ftp" accept
inet t in ct label 5 accept
inet t in ct l3proto ipv4 accept
inet t in ct protocol tcp accept
inet t in ip saddr & 0.0.0.255 == 0.0.0.5 accept
inet t in ip saddr 10.0.0.0/8 accept
inet t in ip6 saddr fe80::/10 accept
inet t in ip saddr . ip daddr vmap { 1.2.3.4 . 2.3.4.5 : accept }
inet t in ip daddr set 1.2.3.4
inet t in th dport set 99
inet t in meta priority set 1:2
inet t in meta nftrace set 1
inet t in ct event set new
inet t pre tcp dport 80 dnat ip to 10.0.0.1:80
inet t pre tcp dport 81 dnat ip6 to [fd00::1]:80
inet t pre tcp dport 5 redirect to :80
inet t pre redirect
inet t pre dnat ip to tcp dport map @d
inet t pre dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 8080 }
inet t pre dnat ip to 10.0.0.0/24
inet t pre dnat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
inet t post masquerade
inet t post oifname eth0 snat ip to 1.2.3.4
inet t raw ct zone set 5
inet t raw ct zone set iif map { "lo" : 3 }
inet t raw ct original zone set 4
inet t raw tcp dport 80 tproxy ip to 127.0.0.1:99
inet t r meta mark set 4
netdev nd i ip saddr 1.2.3.4 drop
netdev nd i fwd to lo
netdev nd i vlan id 4 drop
netdev nd i dup to lo
netdev nd i fwd ip to 1.2.3.4 device lo
arp a i arp operation request accept
arp a i arp saddr ip 1.2.3.4 drop
bridge b i ether type ip ip saddr 1.2.3.4 drop
inet u in ct status ! dnat accept
inet u in ct state ! established,related accept
inet u in tcp flags ! syn,rst accept
inet u in tcp flags & (syn|ack) == (syn|ack) accept
inet u in tcp flags & (syn|ack) != 0 accept
inet u in tcp flags & (syn|ack) == 0 accept
inet u in tcp flags { syn, syn|ack } accept
inet u in tcp flags == syn|ack accept
inet u in tcp flags != syn accept
inet u in tcp flags & (fin|syn|rst|psh|ack|urg) vmap { fin : drop, syn|ack : accept }
inet u in ct state != established accept
inet u in ct state == new accept
inet u in ct state new accept
inet u in ct state != { new, established } accept
inet u in ct status { dnat, snat } accept
inet u in ct status snat,dnat accept
inet u in ct mark 5 accept
inet u in ct mark and 1 == 1 accept
inet u in ct mark { 1, 2 } accept
inet u in ct mark set ct mark or 4
inet u in ct mark set ct mark and 0xf xor 3
inet u in ip protocol tcp ct original proto-dst 22 accept
inet u in ct original ip daddr 10.0.0.0/8 accept
inet u in ct reply ip6 saddr fe80::/10 accept
inet u in ct direction reply accept
inet u in ct zone 3 accept
inet u in iifname "eth\\*" accept
inet u in iifname != "eth0" accept
inet u in iifname != { "eth0", "wg*" } accept
inet u in iif != lo accept
inet u in iifname . tcp dport { "eth0" . 22, "eth0" . 30-40 } accept
inet u in iifname vmap { "eth0" : accept, "wg*" : drop }
inet u in ip saddr . meta l4proto . th dport vmap @v
inet u in tcp dport vmap @v4
inet u in tcp dport @es accept
inet u in add @cs { tcp dport } accept
inet u in add @cs { tcp dport ct count over 3 } drop
inet u in iifname . mark @ifm accept
inet u in meta mark @mm accept
inet u in meta l4proto @pr accept
inet u in meta l4proto 47 accept
inet u in meta l4proto != tcp accept
inet u in meta l4proto 1-20 accept
inet u in ether saddr @et accept
inet u in ip6 saddr @v6 accept
inet u in ip6 saddr & ffff:: == fe80:: accept
inet u in ip6 saddr ::1-::5 accept
inet u in ip6 saddr != { ::1, fe80::/10 } accept
inet u in ip saddr 10.0.0.1-10.0.0.9 accept
inet u in ip saddr != 10.0.0.0/24 accept
inet u in ip saddr < 10.0.0.0 accept
inet u in ip saddr . tcp dport != { 1.2.3.4 . 22 } accept
inet u in tcp dport != 1-100 accept
inet u in tcp dport > 65000 accept
inet u in tcp dport <= 65 accept
inet u in tcp dport & 1 == 1 accept
inet u in tcp dport ssh accept
inet u in icmp type != echo-request accept
inet u in icmp type 42 accept
inet u in icmp type 8 icmp code 0 accept
inet u in icmpv6 code 4 accept
inet u in icmp type { 8, 13-14 } limit rate 5/second burst 10 packets accept
inet u in icmp id 5 accept
inet u in icmpv6 type mld-listener-query ip6 hoplimit 1 accept
inet u in fib daddr type { local, 8 } accept
inet u in fib daddr type != local accept
inet u in fib saddr . iif oif != 0 accept
inet u in fib daddr oif lo accept
inet u in fib daddr oifname "lo" accept
inet u in fib daddr . mark type vmap { local : accept, blackhole : drop }
inet u in meta pkttype host accept
inet u in meta pkttype != host accept
inet u in meta nfproto { ipv4, ipv6 } accept
inet u in meta protocol { ip, ip6, 8021q } accept
inet u in meta protocol ip6 accept
inet u in meta mark != 5 accept
inet u in meta mark 5-6 accept
inet u in meta mark and 0xf0 == { 0x10, 0x20 } accept
inet u in meta mark set 5 ct mark set 6 accept
inet u in meta mark set mark or 0x10
inet u in meta mark set ct mark and 0xff
inet u in meta mark set tcp dport map { 22 : 1, 80 : 2 }
inet u in meta mark set jhash ip saddr mod 3
inet u in meta mark set numgen random mod 3 offset 10
inet u in meta mark set symhash mod 2
inet u in meta iifgroup "default" accept
inet u in meta skgid 0 accept
inet u in meta skuid root accept
inet u in meta oifname "eth0" accept
inet u in meta cgroup 5 accept
inet u in meta time "2026-01-01 00:00:00"-"2026-02-01 00:00:00" accept
inet u in meta day { "Saturday", "Sunday" } accept
inet u in meta hour >= "08:00" accept
inet u in meta rtclassid 5 accept
inet u in ip saddr 1.2.3.4 ip daddr 2.3.4.5 tcp sport 5 tcp dport 6 accept
inet u in tcp dport 22 counter accept
inet u in log level debug flags tcp sequence,options accept
inet u in log prefix "x" group 5 queue-threshold 5 snaplen 3
inet u in log level audit
inet u in reject with icmp type 3
inet u in reject with icmp type admin-prohibited
inet u in reject with icmpv6 type no-route
inet u in reject with icmpx type host-unreachable
inet u in ip protocol tcp reject with tcp reset
inet u in counter name tcp dport map @cmm
inet u in counter name tcp dport map { 22 : "c1" }
inet u in limit rate 1/day accept
inet u in limit rate over 400 kbytes/second burst 5 mbytes drop
inet u in ct count over 5 reject
inet u in ip saddr set 1.2.3.4 ip ttl set 5
inet u in tcp option sack exists accept
inet u in tcp option 254 exists accept
inet u in tcp option maxseg missing accept
inet u in exthdr hbh missing accept
inet u in frag id 5 accept
inet u in rt ip nexthop 1.2.3.4 accept
inet u in rt classid 5 accept
inet u in rt ipsec exists accept
inet u in ipsec in ip saddr 1.2.3.4 accept
inet u in socket mark 5 accept
inet u in socket wildcard 1 accept
inet u in ip version 4 accept
inet u in ip hdrlength 5 accept
inet u in ip ecn ce accept
inet u in ip6 flowlabel 5 accept
inet u in ip6 dscp cs1 accept
inet u in ip6 nexthdr { tcp, 17 } accept
inet u in sctp dport 5 accept
inet u in sctp chunk data exists accept
inet u in dccp type request accept
inet u in udplite dport 5 accept
inet u in ah spi 5 accept
inet u in esp spi 5 accept
inet u in comp cpi 5 accept
inet u in igmp type membership-query accept
inet u in tcp sequence 5 accept
inet u in tcp window 0 accept
inet u in tcp doff 8 accept
inet u in udp checksum 0 accept
inet u in vlan pcp 5 accept
inet u in vlan type ip accept
inet u in ether daddr ff:ff:ff:ff:ff:ff accept
inet u in @ll,0,8 1 accept
inet u in @nh,96,32 0x01020304 accept
inet u in @th,160,32 0x41424344 accept
inet u in @ih,0,8 1 accept
inet u in ip saddr . th dport . meta l4proto { 1.2.3.4 . 5 . tcp } accept
inet u in ct helper { "ftp", "sip" } accept
inet u in ct label 5 accept
inet u in ct label set 5
inet u in ct avgpkt > 100 accept
inet u in ct zone set 5
inet u in meta secpath exists accept
inet u in meta ipsec exists accept
inet u raw meta l4proto tcp tproxy ip6 to [::1]:99
inet u raw meta l4proto tcp tproxy to :99 accept
inet u raw meta l4proto udp tproxy ip to :5
inet u pre meta l4proto tcp dnat ip to 10.0.0.1-10.0.0.9:80-90 random,persistent
inet u pre ip daddr 1.2.3.4 tcp dport 90 dnat to 10.0.0.5
inet u pre meta l4proto tcp dnat to :80
inet u pre meta nfproto ipv4 tcp dport 90 dnat to 10.0.0.5:80
inet u pre tcp dport 90-99 redirect to :8090-8099
inet u pre meta l4proto tcp redirect to :tcp dport map @port
inet u pre meta l4proto tcp dnat ip to 10.0.0.1 : tcp dport map @port
inet u pre dnat ip prefix to ip daddr map @nmap4
inet u pre dnat ip to ip daddr map { 1.2.3.4 : 10.0.0.1, 2.3.4.5 : 10.0.0.2 }
inet u pre dnat ip to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
inet u pre dnat ip addr . port to ip saddr . tcp dport map { 1.2.3.4 . 80 : 10.0.0.1 . 8080 }
inet u post oifname != "lo" masquerade fully-random
inet u post meta l4proto tcp masquerade to :1024-65535 random
inet u post snat ip to 1.2.3.4-1.2.3.9
inet u post ip saddr 10.0.0.0/8 snat ip to 5.6.7.8 persistent
inet u post snat ip6 to fd00::1
inet u post snat ip to ip saddr map { 10.0.0.0/24 : 1.2.3.4 }
inet u ing ip saddr 1.2.3.4 drop
ip q o tcp dport 22 dup to 1.2.3.4
ip q o dup to 1.2.3.4 device "lo"
ip q o rt nexthop 1.2.3.4 accept
ip q o ct original saddr 1.2.3.4 accept
ip q o ip protocol { icmp, esp, ah, gre, 99 } accept
ip q o reject
ip q o ct original protocol tcp accept
ip q o tcp dport { 1, 2 } ip daddr { 1.2.3.4, 5.6.7.8 } accept
netdev nd2 i ip saddr 1.2.3.4 meta protocol ip drop
netdev nd2 i vlan id 5 ip saddr 1.2.3.4 drop
netdev nd2 i ether type arp drop
netdev nd2 i meta iifname "eth0" tcp dport 22 accept
bridge bb i ether type vlan vlan id 4 drop
bridge bb i tcp dport 22 drop
inet u in ip saddr 10.0.0.3-10.0.0.7 accept
inet u in meta mark & 0xf0 != 0x10 accept
inet u in ip6 saddr vmap { fd00::/8 : accept, ::1 : drop }
inet u in meta l4proto vmap { tcp : goto x, udp : jump x, icmp : return, 58 : continue }
inet u in iifname . ip saddr { "eth0" . 10.0.0.0/8, "lo" . 1.2.3.4-1.2.3.9 } drop
inet u in tcp dport . ip saddr vmap { 22 . 10.0.0.0/8 : accept }
inet u in tcp dport != { 22, 80 } drop
inet u in tcp dport vmap @jumps
inet u in jump x
inet u in meta l4proto { icmp, ipv6-icmp } accept
inet u in add @wcd { ip saddr timeout 10s limit rate over 5/minute } drop
inet u in update @wcd { ip saddr counter } accept
inet u in update @dynmap { ip saddr : 5 } accept
inet u in meter m3 { ip saddr . tcp dport limit rate 3/minute } drop
inet u raw ct zone set ct original zone
inet u pre meta mark 5 dnat ip to 10.0.0.9
inet u pre ip daddr 1.2.3.4 tcp dport { 80, 443 } dnat ip to 10.0.0.5
"""
