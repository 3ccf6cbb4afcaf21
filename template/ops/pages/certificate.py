"""The web page of a certificate."""

from __future__ import annotations

import html
import json

from ops.words import Report


def page(document: Report, lang: str) -> str:
    """The document in one file: no script, and nothing that is fetched from anywhere."""
    shown = html.escape(json.dumps(document, ensure_ascii=False, indent=1))
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{html.escape(document["verdict"])}</title><link rel="icon" href="data:,"></head>
<body><h1>{html.escape(document["verdict"])}</h1><pre>{shown}</pre></body></html>
"""
