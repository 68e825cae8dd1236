"""The words of the site itself, in English and in Japanese, and the order of the pages that people wrote."""

START = ("set-up", "in-japanese", "from-python", "completions")
"""Sections of the README that are no questions."""
LAST = "more"
"""The README's section of links: the site has its own list."""
HOW: dict[str, tuple[str, str]] = {
    "the-bind-rule": ("The bind rule", "バインドの規則"),
    "who-can-reach": ("Who can reach a port", "ポートに誰が届くか"),
    "exact-under-loss": ("Exact under loss", "損失があっても正確に"),
}
MORE: dict[str, tuple[str, str]] = {
    "docs/glossary.md": ("Glossary", "用語集"),
    "docs/guard.md": ("The policy file", "ポリシーファイル"),
    "docs/guard-rules.md": ("How a policy becomes rules", "ポリシーが規則になるまで"),
    "docs/guard-life.md": ("The life of a policy", "ポリシーの一生"),
    "docs/guard-prove.md": ("Proof by packets, and export", "パケットによる証明と書き出し"),
    "docs/json.md": ("JSON", "JSON"),
    "docs/design.md": ("Design", "設計（英語）"),
    "docs/proof.md": ("Proof", "証明（英語）"),
    "docs/benchmarks.md": ("Benchmarks", "ベンチマーク（英語）"),
    "docs/not-verified.md": ("Not verified", "確かめていないこと（英語）"),
    "CONTRIBUTING.md": ("Contributing", "貢献するには（英語）"),
}
"""Texts of their own: the Japanese one of `docs/NAME.md` is `docs/ja/more/NAME.md`."""
ONE_TEXT: dict[str, str] = {
    "docs/glossary.md": "has both languages in one table",
    "docs/design.md": "for whoever works on the code",
    "docs/proof.md": "written by tools/prove.py; the pages on how it works quote it",
    "docs/benchmarks.md": "figures, and the commands that show them",
    "docs/not-verified.md": "for whoever works on the code",
    "CONTRIBUTING.md": "for whoever works on the code",
}
"""Those that are there once, for readers of both languages -> why."""
WORDS: dict[str, tuple[str, str]] = {
    "language": ("English", "日本語"),
    "start": ("Start", "はじめに"),
    "home": ("Portulan", "Portulan"),
    "questions": ("Questions", "質問"),
    "how": ("How it works", "しくみ"),
    "commands": ("Commands", "コマンド"),
    "reference": ("Reference", "リファレンス"),
    "more": ("More", "さらに"),
    "overview": ("Overview", "一覧"),
    "commands-here": ("The commands in full:", "コマンドの詳細:"),
    "pages": ("Pages", "ページ"),
    "skip": ("Skip to the text", "本文へ"),
}
