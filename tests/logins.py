"""A real ssh server of a sandbox host, with a key of its own, that root may log in with."""

PREPARE = """
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N "" -f {folder}/host
ssh-keygen -q -t ed25519 -N "" -f {folder}/me
printf %s "$1" > {folder}/config
exec /usr/sbin/sshd -D -e -f {folder}/config
"""
SETTINGS = (
    "Port {port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n"
    "AuthorizedKeysFile {folder}/me.pub\nAllowTcpForwarding yes\n"
)


def start_sshd(host, folder, port, **more):
    """The server, as it begins; its key for clients is `me` in the folder."""
    words = ["sh", "-ec", PREPARE.format(folder=folder), "sh", SETTINGS.format(folder=folder, port=port)]
    return host.start(words, **more)
