# Everything below works in a fresh clone on a Debian-like machine with git, make and Python 3.11.
.PHONY: run test prove check bench fuzz docs lock clean
PY := env -u PYTHONDONTWRITEBYTECODE .venv/bin/python
# What the tests compare with, from Debian, in a private root: nothing is installed on the machine itself.
PEERS := firewalld iproute2 iptables libxml2-utils lsof mtr-tiny ndiff nftables nginx-light nmap openssh-client openssh-server procps psmisc python3 tcptraceroute traceroute ufw util-linux
ROOT := .cache/roots/peers
# The servers whose files we read: started from those files, they must listen where we said.
SERVERS := apache2 iproute2 libnginx-mod-stream lighttpd mariadb-server nginx-light openssh-server postgresql redis-server
SERVERS_ROOT := .cache/roots/servers
# Servers that speak UDP: they must answer to what we greet them with.
TALKERS := chrony coturn dnsmasq freeradius kamailio krb5-kdc memcached openvpn rpcbind snmpd strongswan-charon xinetd xl2tpd
TALKERS_ROOT := .cache/roots/talkers
# What reads packets, and what makes those that somebody who tries doors sends.
WATCHERS := iproute2 libndpi-bin masscan nfdump nftables nmap tcpdump tshark zmap
WATCHERS_ROOT := .cache/roots/watchers
# The shells that completions are tried in.
SHELLS := fish tcsh zsh
SHELLS_ROOT := .cache/roots/shells
# What writes rules beside ours, and servers that need more than their port.
BESIDE := docker.io iptables sip-tester tftp-hpa tftpd-hpa vsftpd
BESIDE_ROOT := .cache/roots/beside
# What scans are measured against.
BENCH_PEERS := gcc iproute2 iptables libc6-dev masscan nftables nmap zmap
BENCH_ROOT := .cache/roots/bench

run:            ## create the environment and chart this machine
	@tools/environment run
	@.venv/bin/portulan

test:           ## everything, sampled
	@tools/environment dev
	@$(PY) tools/catalogues.py compile
	@$(PY) tools/private_root.py --into $(ROOT) $(PEERS)
	@$(PY) tools/private_root.py --into $(SERVERS_ROOT) $(SERVERS)
	@$(PY) tools/private_root.py --into $(TALKERS_ROOT) $(TALKERS)
	@$(PY) tools/private_root.py --into $(WATCHERS_ROOT) $(WATCHERS)
	@$(PY) tools/private_root.py --into $(SHELLS_ROOT) $(SHELLS)
	@$(PY) tools/private_root.py --into $(BESIDE_ROOT) $(BESIDE)
	@$(PY) -m pytest -n 2 --dist worksteal

prove:          ## the full counts; takes up where it was interrupted
	@tools/environment dev
	@$(PY) tools/private_root.py --into $(ROOT) $(PEERS)
	@$(PY) tools/private_root.py --into $(SERVERS_ROOT) $(SERVERS)
	@$(PY) tools/private_root.py --into $(TALKERS_ROOT) $(TALKERS)
	@$(PY) tools/private_root.py --into $(WATCHERS_ROOT) $(WATCHERS)
	@$(PY) tools/private_root.py --into $(BESIDE_ROOT) $(BESIDE)
	@$(PY) tools/prove.py

check:          ## format, lint, types, contracts, catalogues, generated files
	@tools/environment dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PY) tools/catalogues.py check
	$(PY) tools/make_docs.py --check
	$(PY) tools/make_schemas.py --check
	$(PY) tools/make_site.py --check

bench:          ## answers checked first, then ratios to the peers
	@tools/environment dev
	@$(PY) tools/private_root.py --into $(ROOT) $(PEERS)
	@$(PY) tools/private_root.py --into $(BENCH_ROOT) $(BENCH_PEERS)
	@$(PY) tools/private_root.py --into $(WATCHERS_ROOT) $(WATCHERS)
	@$(PY) benchmarks/bench_chart.py
	@$(PY) benchmarks/bench_why.py
	@$(PY) benchmarks/bench_free.py
	@$(PY) benchmarks/bench_reach.py
	@$(PY) benchmarks/bench_guard.py
	@$(PY) benchmarks/bench_guard_prove.py
	@$(PY) benchmarks/bench_scan.py
	@$(PY) benchmarks/bench_path.py
	@$(PY) benchmarks/bench_traffic.py --skip tshark
	@$(PY) benchmarks/bench_traffic_live.py
	@$(PY) benchmarks/bench_scanners.py

fuzz:           ## each target for ten seconds; SECONDS=600 for longer
	@tools/environment dev
	@for target in fuzz/fuzz_*.py; do $(PY) $$target --seconds $${SECONDS:-10} || exit 1; done

docs:           ## the manual: what the code makes of it, and the whole as a site in site/
	@tools/environment dev
	$(PY) tools/catalogues.py compile
	$(PY) tools/make_docs.py
	$(PY) tools/make_schemas.py
	$(PY) tools/make_site.py

lock:           ## compile the locks anew, without addresses (needs uv)
	uv pip compile -q --universal --no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --no-emit-index-url --no-annotate --no-header --python-version 3.11 --group dev pyproject.toml -o requirements/dev.txt

clean:
	rm -rf .venv .cache site build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
