"""The style sheet of web pages: in light and dark, on a phone, and on paper.

Each colour has a meaning (a tone, see `ops.report.blocks`), which the text states as well.
"""

from __future__ import annotations

_LIGHT_COLOURS = (
    "--paper: #fff; --ink: #14181f; --dim: #5b6472; --line: #e1e5ea; --wash: #f4f6f8; --good: #15794a;"
    " --open: #9a5b00; --bad: #bf2431; --way: #2c60c4; --calm: #66707f; --good-bar: #2f9e68; --open-bar: #e0a02e;"
    " --bad-bar: #d9444f; --way-bar: #6f9bea; --calm-bar: #b6bec9;"
)
_DARK_COLOURS = (
    "--paper: #0f1216; --ink: #e7ebf1; --dim: #98a2b1; --line: #282e38; --wash: #171b21; --good: #4ec58a;"
    " --open: #e3a744; --bad: #ff7d83; --way: #85aeff; --calm: #98a2b1; --good-bar: #3aa873; --open-bar: #c98d28;"
    " --bad-bar: #e25a63; --way-bar: #5584d8; --calm-bar: #4d5664;"
)

STYLE = (
    f"""
:root {{ color-scheme: light dark; {_LIGHT_COLOURS} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK_COLOURS} }} }}
@media print {{ :root {{ color-scheme: light; {_LIGHT_COLOURS} }} }}
"""
    + """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 Inter, "Segoe UI", system-ui, -apple-system, "Helvetica Neue", "Noto Sans", sans-serif;
  overflow-wrap: anywhere; }
[lang|=zh] body { font-family: Inter, "Segoe UI", system-ui, -apple-system, "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", sans-serif; line-height: 1.65; }
code, pre { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .86em; font-variant-ligatures: none; }
.page { max-width: 66rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 3rem; }
p { margin: 0 0 .75rem; max-width: 44rem; }
.dim, .note { color: var(--dim); } .note { font-size: .86rem; }
.good { color: var(--good); } .open { color: var(--open); } .bad { color: var(--bad); } .way { color: var(--way); }
.calm { color: var(--calm); }

.top { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 2rem; padding-bottom: .75rem;
  border-bottom: 1px solid var(--line); font-size: .86rem; color: var(--dim); }
.top p { margin: 0; } .top b { color: var(--ink); font-weight: 600; }
.hero { padding: clamp(2rem, 6vw, 4rem) 0 clamp(1.5rem, 4vw, 2.75rem); }
h1 { margin: 0; font-size: clamp(2.6rem, 12.5vw, 6.5rem); line-height: 1; font-weight: 750; letter-spacing: -.04em; }
[lang|=zh] h1 { letter-spacing: 0; line-height: 1.1; }
h1 small { display: block; margin-top: .5rem; font-size: 1rem; font-weight: 600; letter-spacing: 0; color: var(--dim); }
.lead { margin: 1.25rem 0 0; font-size: clamp(1.05rem, 2.4vw, 1.3rem); line-height: 1.5; max-width: 46rem; }
.hero ul { margin: .5rem 0 0; padding-left: 1.2rem; max-width: 46rem; }
.next { margin-top: 1.75rem; max-width: 46rem; }
.next p { margin: 0 0 .5rem; } .next b { margin-right: .5rem; }
pre.command { margin: .35rem 0 0; padding: .6rem .85rem; border-radius: .4rem; background: var(--wash);
  border: 1px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }

.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.25rem, 1fr)); gap: 1.5rem 2rem; margin: 0;
  padding: 1.5rem 0 2rem; border-top: 1px solid var(--line); }
.figures dt { font-size: .86rem; color: var(--dim); }
.figures dd { margin: 0; } .figures small { font-size: .86rem; font-weight: 400; letter-spacing: 0; }
.figures .number { font-size: 1.55rem; line-height: 1.3; font-weight: 600; letter-spacing: -.015em; }
.within { padding: 0 0 1.25rem; border: 0; gap: 1rem 2rem; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); }
.within .number { font-size: 1.2rem; }

section { display: grid; grid-template-columns: 11.5rem minmax(0, 1fr); gap: .5rem 2.5rem; padding: 2rem 0;
  border-top: 1px solid var(--line); }
h2 { margin: 0; font-size: 1rem; line-height: 1.4; font-weight: 650; }
section > header .note { margin: .35rem 0 0; line-height: 1.45; }
h3 { margin: 1.75rem 0 .5rem; font-size: .92rem; font-weight: 650; } .body > h3:first-child { margin-top: 0; }
.body > :last-child { margin-bottom: 0; }

dl.facts { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .4rem 1.5rem;
  margin: 0 0 1rem; }
.facts dt { color: var(--dim); font-size: .92rem; } .facts dd { margin: 0; }
.facts dd span.note { display: inline; margin-left: .5rem; }

figure { margin: 0 0 1.25rem; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; margin-bottom: .3rem;
  font-size: .86rem; color: var(--dim); }
.bar { display: flex; gap: 2px; height: 1.5rem; border-radius: .3rem; overflow: hidden; background: var(--wash);
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.bar i { flex: 1 1 0; min-width: 4px; background: var(--calm-bar); }
.bar .rest { background: none; } .legend { margin-right: 1.25rem; }
svg + figcaption { margin-top: .9rem; }
.bar .good, .fill.good { background: var(--good-bar); } .bar .open, .fill.open { background: var(--open-bar); }
.bar .bad, .fill.bad { background: var(--bad-bar); } .bar .way, .fill.way { background: var(--way-bar); }
.fill.calm { background: var(--calm-bar); }
.thin { height: .5rem; border-radius: .25rem; max-width: 16rem; margin-top: .35rem; }
.track { display: block; height: .6rem; min-width: 5rem; border-radius: .3rem; background: var(--wash);
  overflow: hidden; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.fill { display: block; height: 100%; border-radius: .3rem; min-width: 4px; }
svg { display: block; width: 100%; height: 6.5rem; } svg.strip { height: 2.25rem; }
.copied { fill: var(--way-bar); } .failures { fill: var(--bad-bar); } svg line { stroke: var(--line); }
.requests { fill: none; stroke: var(--ink); stroke-width: 1.25; opacity: .75; }
.ends { display: flex; justify-content: space-between; gap: 1rem; margin-top: .3rem; font-size: .8rem;
  color: var(--dim); max-width: none; }
.swatch { display: inline-block; width: .7em; height: .7em; margin-right: .45em; border-radius: 2px;
  background: var(--calm-bar); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.swatch.good { background: var(--good-bar); } .swatch.open { background: var(--open-bar); }
.swatch.bad { background: var(--bad-bar); } .swatch.way { background: var(--way-bar); }
.swatch.line { height: 2px; vertical-align: middle; background: var(--ink); }

table { width: 100%; border-collapse: collapse; margin: 0 0 1.25rem; }
caption { padding-bottom: .4rem; text-align: left; font-size: .92rem; font-weight: 650; }
th { font-weight: 400; text-align: left; } thead th { color: var(--dim); font-size: .86rem; padding-top: 0; }
th, td { padding: .45rem 1rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.n, .number { font-variant-numeric: tabular-nums; }
.n { text-align: right; white-space: nowrap; } .wide { width: 55%; } .half { width: 50%; }
tfoot th, tfoot td { font-weight: 600; } tfoot tr + tr > * { font-weight: 400; color: var(--dim); }
td .note, th .note { display: block; line-height: 1.4; }
.share { display: grid; grid-template-columns: minmax(0, 1fr) 4.5rem; gap: 1rem; align-items: center; }
.nil { color: var(--dim); opacity: .6; }
.keys { margin: .35rem 0 .75rem; padding: 0; list-style: none; columns: 18rem; column-gap: 1.5rem; }
.keys li { break-inside: avoid; padding: .1rem 0; }
.facts .keys { margin: 0; }
.key { white-space: pre-wrap; }
.digest { display: block; font-size: .76rem; line-height: 1.6; }

.mark { font-weight: 600; } td .mark { white-space: nowrap; }
.mark::before { content: ""; display: inline-block; width: .66em; height: .66em; margin-right: .5em;
  border: 2px solid currentColor; border-radius: 50%; background: currentColor; vertical-align: -.01em;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.mark.bad::before { border-radius: 1px; transform: rotate(45deg) scale(.9); }
.mark.open::before { background: none; } .mark.calm::before { height: 0; border-width: 1px; vertical-align: .28em; }
.trouble { padding: 1rem 0; border-bottom: 1px solid var(--line); } .trouble:first-child { padding-top: 0; }
.trouble h3 { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem; margin: 0 0 .4rem;
  font-size: 1.05rem; }
.trouble h3 code { font-weight: 400; color: var(--dim); } .trouble dl { margin-bottom: .6rem; }
.trouble + table { margin-top: 1.5rem; }
footer { padding-top: 1.25rem; border-top: 1px solid var(--line); font-size: .86rem; color: var(--dim); }

@media screen and (max-width: 46rem) {
  section { grid-template-columns: minmax(0, 1fr); gap: 1rem; padding: 1.75rem 0; }
  dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; } .facts dd { margin-bottom: .6rem; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1.25rem 1rem; }
  .figures .number { font-size: 1.3rem; } .within .number { font-size: 1.1rem; }
  .cards, .cards tbody, .cards tfoot, .cards tr, .cards th, .cards td { display: block; width: auto; }
  .cards caption { display: block; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr { padding: .7rem 0; border-bottom: 1px solid var(--line); }
  .cards th, .cards td { padding: .1rem 0; border: 0; text-align: left; white-space: normal; }
  .cards td.n { display: flex; justify-content: space-between; gap: 1rem; text-align: right; }
  .cards td[data-label]::before { content: attr(data-label); color: var(--dim); font-size: .86rem; text-align: left; }
  .cards td.share { display: grid; grid-template-columns: minmax(0, 1fr) 4.5rem; gap: 1rem; align-items: center; }
}
@media print {
  @page { margin: 14mm; }
  html { font-size: 9.5pt; } .page { max-width: none; padding: 0; }
  .hero { padding: 1.25rem 0; } h1 { font-size: 44pt; } section { padding: 1rem 0; }
  tr, figure, .trouble, .figures > div { break-inside: avoid; } h2, h3, caption, thead { break-after: avoid; }
}
"""
)
