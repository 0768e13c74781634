"""The look of a report page, light and dark."""

STYLE = """
:root { --paper: #f6f5f2; --card: #fff; --ink: #1d1c1a; --soft: #6f6b64; --line: #e4e1da;
  --accent: #d6481c; --bar: #3a5a78; --shade: 0 1px 2px #0000000d, 0 6px 20px #0000000f; }
@media (prefers-color-scheme: dark) { :root { --paper: #141413; --card: #1e1d1c; --ink: #efede8;
  --soft: #9b968d; --line: #34322f; --accent: #ff7a4d; --bar: #7ea6cc; --shade: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer { max-width: 1240px; margin: 0 auto; padding: 0 28px; }
header { display: flex; align-items: center; justify-content: space-between; gap: 20px;
  padding-top: 26px; }
h1 { font-size: 15px; font-weight: 650; letter-spacing: .02em; margin: 0; color: var(--soft);
  overflow-wrap: anywhere; }
h2 { font: 500 25px/1.25 ui-serif, "Iowan Old Style", Georgia, serif; margin: 0 0 6px; }
h3 { font: 500 19px/1.3 ui-serif, "Iowan Old Style", Georgia, serif; margin: 0;
  padding: 14px 16px 4px; text-wrap: balance; overflow-wrap: anywhere; }
.quote { color: var(--accent); }
.soft { color: var(--soft); }
#masks { position: absolute; opacity: 0; }
label { cursor: pointer; user-select: none; color: var(--soft); display: flex; gap: 10px;
  flex: none; }
label::before { content: ""; width: 34px; height: 20px; border-radius: 10px;
  background: radial-gradient(circle 7px at 10px 50%, var(--card) 98%, #0000) var(--soft); }
#masks:checked ~ header label::before {
  background: radial-gradient(circle 7px at 24px 50%, #fff 98%, #0000) var(--accent); }
#masks:focus-visible ~ header label { outline: 2px solid var(--accent); outline-offset: 4px;
  border-radius: 4px; }
#masks:not(:checked) ~ main .mask { display: none; }
section { margin: 30px 0 48px; }
section > p { margin: 0 0 16px; }
.hero { display: flex; align-items: center; gap: 22px; }
.hero p { margin: 0; }
.figure { font: 500 74px/1 ui-serif, "Iowan Old Style", Georgia, serif; color: var(--accent);
  font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; box-shadow: var(--shade); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 12px; text-align: right; white-space: nowrap; vertical-align: top; }
thead th { color: var(--soft); font-weight: 500; font-size: 12.5px; padding-block: 6px; }
thead tr:first-child th { text-align: center; border-bottom: 1px solid var(--line); }
tbody th { text-align: left; font-weight: 600; white-space: normal; min-width: 150px; }
tbody tr { border-top: 1px solid var(--line); }
td:nth-child(7), thead tr:last-child th:nth-child(7) { border-left: 1px solid var(--line); }
.extra th { font-weight: 400; padding-left: 26px; }
.extra th::before { content: "+ "; color: var(--soft); }
td small { display: block; color: var(--soft); font-size: 11px; }
.notes { color: var(--soft); font-size: 13px; padding-left: 18px; }
.notes b { font-weight: 600; color: var(--ink); }
.charts { display: grid; gap: 22px; margin-top: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  box-shadow: var(--shade); margin: 0; padding: 14px 16px 10px; }
.chart figcaption { font-weight: 600; margin-bottom: 8px; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { text-anchor: middle; fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .end { text-anchor: end; }
svg .start { text-anchor: start; }
svg .tick { fill: var(--soft); font-size: 11px; }
svg .value { font-weight: 600; }
.grid { stroke: var(--line); fill: none; }
.bar { fill: var(--bar); }
.own { --series: var(--accent); }
.other { --series: var(--bar); }
.dot { fill: var(--series); }
.trend { fill: none; stroke: var(--series); stroke-width: 2; opacity: .5; }
.whisker { stroke: var(--series); stroke-width: 2; fill: none; }
.key { color: var(--series); font-weight: 600; }
.verdict { max-width: 74ch; margin: 16px 0 0; }
.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 22px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  overflow: hidden; box-shadow: var(--shade); display: flex; flex-direction: column; }
.shot p { margin: 0; padding: 8px 16px; display: flex; gap: 8px; align-items: baseline; }
.shot .soft { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.score { font-variant-numeric: tabular-nums; font-weight: 600; }
.strip { display: flex; gap: 2px; padding-inline: 16px; }
.strip figure { margin: 0; flex: 1 1 0; min-width: 0; max-width: 190px; display: flex;
  flex-direction: column; gap: 2px; }
.strip img { display: block; width: 100%; }
.mask { position: relative; }
.mask em { position: absolute; inset: auto 6px 6px auto; padding: 1px 6px; border-radius: 5px;
  background: #000a; color: #fff; font: 500 11px/1.5 system-ui, sans-serif; }
.tags { list-style: none; display: flex; flex-wrap: wrap; gap: 8px; margin: auto 0 0;
  padding: 12px 16px 14px; }
.top > .tags { padding: 14px 0; margin: 0; }
.tags li { font-size: 12.5px; color: var(--soft); border: 1px solid var(--line);
  border-radius: 999px; padding: 1px 10px; font-variant-numeric: tabular-nums; }
.tags .warn { color: var(--accent); border-color: currentColor; border-radius: 8px; }
dl { display: grid; grid-template-columns: minmax(120px, max-content) 1fr; gap: 3px 18px;
  font-size: 13px; margin: 10px 0 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: 12.5px; padding-bottom: 40px; }
@media (max-width: 560px) { header, main, footer { padding-inline: 14px; }
  .figure { font-size: 54px; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } }
@media print { label { display: none; } .card, .chart { break-inside: avoid; box-shadow: none; } }
"""
