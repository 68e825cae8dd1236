"""The text that is loaded into the kernel: change it only with open eyes. Whoever has the older one sees it as drift."""

from datetime import date

from compiled_policies import GATEWAY, HOST
from policies import policy_of
from portulan.guard.policy.compile import compile_policy
from portulan.guard.policy.compile_text import permanent, trial
from portulan.model.guard_compiled import Terrain

TODAY, TERRAIN = date(2026, 11, 22), Terrain(("eth0", "ppp0"))
FEW_LINES = """
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
[doors]
https = "everyone"
ping = "everyone"
ssh = { from = "office", limit = "10/minute", note = "keys only" }
"5432/tcp" = "office"
"8000-8010/tcp" = "this-host"
"""


def test_a_few_lines(snapshot):
    assert permanent(compile_policy(policy_of(FEW_LINES), TODAY, TERRAIN)) == snapshot


def test_everything_that_a_policy_can_say(snapshot):
    assert permanent(compile_policy(GATEWAY, TODAY, TERRAIN)) == snapshot


def test_a_trial(snapshot):
    new, old = (compile_policy(policy, TODAY, TERRAIN) for policy in (policy_of(FEW_LINES), HOST._replace(doors=HOST.doors[:1], log=None)))
    assert trial(new, old, 60) == snapshot
    assert trial(old, None, 5) == snapshot
