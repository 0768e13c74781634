"""What a report page looks like besides `fdaclip.sheet`."""

STYLE = """
header, main, footer { max-width: 1240px; }
h2 { font: 500 25px/1.25 ui-serif, "Iowan Old Style", Georgia, serif; margin: 0 0 6px; }
h3 { font: 500 19px/1.3 ui-serif, "Iowan Old Style", Georgia, serif; margin: 0;
  padding: 14px 16px 4px; text-wrap: balance; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
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
.shot p { margin: 0; padding: 8px 16px; display: flex; gap: 8px; align-items: baseline; }
.shot .soft { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.score { font-variant-numeric: tabular-nums; font-weight: 600; }
.strip { display: flex; gap: 2px; padding-inline: 16px; }
.strip figure { margin: 0; flex: 1 1 0; min-width: 0; max-width: 190px; display: flex;
  flex-direction: column; gap: 2px; }
.strip img { display: block; width: 100%; }
.tags { padding-top: 12px; }
.top > .tags { padding: 14px 0; margin: 0; }
.tags .warn { color: var(--accent); border-color: currentColor; border-radius: 8px; }
dl { display: grid; grid-template-columns: minmax(120px, max-content) 1fr; gap: 3px 18px;
  font-size: 13px; margin: 10px 0 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 560px) { .figure { font-size: 54px; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 6px; } }
@media print { .chart { break-inside: avoid; box-shadow: none; } }
"""
