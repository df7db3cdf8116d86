/** The page's style. States have a colour here and a word in the page: neither stands alone. */
export const style = `
:root{--ground:#f4f5f7;--card:#fff;--line:#dde1e7;--text:#14181f;--soft:#5a6473;--good:#12703f;--good-ground:#e3f4ea;--warn:#8a5300;
--warn-ground:#fdf0d9;--bad:#b3261e;--bad-ground:#fde7e5;--wait:#56606f;--wait-ground:#eaedf1}
@media (prefers-color-scheme:dark){:root{--ground:#101318;--card:#191e26;--line:#2d3541;--text:#eef1f5;--soft:#9ea9b8;--good:#5ed394;
--good-ground:#12301f;--warn:#f3b950;--warn-ground:#372a10;--bad:#ff8a80;--bad-ground:#401a18;--wait:#a7b1bf;--wait-ground:#242b35}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1320px;padding:20px 28px 32px;background:var(--ground);color:var(--text);
font:17px/1.45 system-ui,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
header{display:flex;justify-content:space-between;align-items:center;flex-wrap:wrap;gap:6px 16px;margin-bottom:14px}
header p,footer p{margin:0}
.host{font-weight:600;font-size:19px;overflow-wrap:anywhere}
.live,.word{display:inline-block;padding:2px 11px;border-radius:999px;font-size:15px;font-weight:600;white-space:nowrap}
[data-tone=good]{--tone:var(--good);--tint:var(--good-ground)}
[data-tone=warn]{--tone:var(--warn);--tint:var(--warn-ground)}
[data-tone=bad]{--tone:var(--bad);--tint:var(--bad-ground)}
[data-tone=wait]{--tone:var(--wait);--tint:var(--wait-ground)}
.live{white-space:normal;border-radius:14px}.live,.word{color:var(--tone);background:var(--tint)}
.verdict{padding:20px 26px;border-radius:14px;background:var(--tint,var(--card));border-left:10px solid var(--tone,var(--line));margin:0}
.banner{margin:0 0 14px;padding:12px 26px;border-radius:14px;background:var(--tint);color:var(--tone);font-weight:600;overflow-wrap:anywhere}
h1{margin:0;font-size:clamp(34px,5vw,56px);line-height:1.1;letter-spacing:-.02em;color:var(--tone,var(--text))}
.verdict p{margin:6px 0 0;font-size:20px}
h2{margin:26px 0 10px;font-size:16px;font-weight:600;color:var(--soft)}
.card,.facts>div,.problems li{background:var(--card);border:1px solid var(--line);border-radius:12px}
.facts{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:14px;margin:14px 0 0}
.facts>div{padding:14px 18px}
dt{color:var(--soft);font-size:15px}
dd{margin:2px 0 0;font-size:25px;font-weight:600;line-height:1.2;overflow-wrap:anywhere;color:var(--tone,var(--text))}
dd+dd{font-size:15px;font-weight:400;color:var(--soft);margin-top:4px}
.problems{list-style:none;margin:0;padding:0;display:grid;gap:10px}
.problems li{display:grid;grid-template-columns:minmax(0,1fr) auto;align-items:baseline;column-gap:24px;padding:12px 18px;border-left:6px solid var(--tone);overflow-wrap:anywhere}
.problems p{margin:0;grid-column:1;text-wrap:pretty}.problems .code{grid-area:1/2}.problems .hint,.code{color:var(--soft);font-size:15px}
.picture{padding:14px}
.picture p.notice{margin:0 0 12px;padding:8px 14px;border-radius:10px;background:var(--tint);color:var(--tone);font-weight:600;overflow-wrap:anywhere}
.picture .quiet{margin:12px 2px 0;color:var(--soft);font-size:15px;overflow-wrap:anywhere}
svg{display:block;width:100%;height:auto;margin:auto}
svg text{fill:var(--text);font:17px system-ui,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
svg .name{font-weight:650;font-size:20px}
svg .soft{fill:var(--soft);font-size:16px}
svg .state{fill:var(--tone);font-weight:600;font-size:16px}
svg rect{fill:var(--card);stroke:var(--line);stroke-width:2}
svg rect[data-tone]{stroke:var(--tone);fill:var(--tint)}
svg rect[data-tone=wait]{stroke:var(--line);fill:var(--card)}
svg path{fill:none;stroke:var(--soft);stroke-opacity:.55;stroke-width:3}
svg path[data-tone]{stroke-opacity:1}
svg path[data-tone=good]{stroke:var(--tone);stroke-width:7;stroke-linecap:round}
svg path[data-tone=warn]{stroke:var(--tone);stroke-width:4}
svg path[data-tone=wait]{stroke:var(--tone);stroke-dasharray:2 8;stroke-linecap:round}
svg path[data-tone=bad]{stroke:var(--tone);stroke-dasharray:10 8}
svg path.cut{stroke-dasharray:none;stroke-width:5;stroke-linecap:round}
.pair{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:0 20px}
.empty{margin:0;padding:16px 18px;color:var(--soft)}
table{width:100%;border-collapse:collapse}
td,th{padding:10px 18px;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{font-size:15px;font-weight:400;color:var(--soft);padding-bottom:2px}
tbody tr+tr td{border-top:1px solid var(--line)}
td:first-child{font-weight:600;width:38%}
td small{display:block;font-size:15px;font-weight:400;color:var(--soft)}
.events{list-style:none;margin:0;padding:6px 0}
.events li{display:grid;grid-template-columns:6.2em minmax(0,1fr);gap:12px;padding:8px 18px;overflow-wrap:anywhere}
.events .empty{display:block}.picture .empty{padding:2px 4px}.events time{color:var(--soft)}
.events [data-tone=bad],.events [data-tone=warn]{color:var(--tone)}
.stale main{opacity:.45;filter:grayscale(1)}
footer{margin-top:24px;color:var(--soft);font-size:15px}
@media (max-width:900px){.pair{grid-template-columns:minmax(0,1fr)}.facts{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media (max-width:640px){body{padding:14px 14px 28px}.verdict{padding:16px 18px;border-left-width:7px}.verdict p{font-size:18px}
.facts{gap:10px}.facts>div{padding:11px 14px}dd{font-size:20px}thead{display:none}
.problems li{display:block}tbody tr{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);gap:6px 14px;padding:12px 16px}tbody tr+tr{border-top:1px solid var(--line)}
tbody td,tbody td:first-child{width:auto;padding:0;border:0!important}tbody td:first-child{grid-column:1/-1}
.events li{grid-template-columns:5.4em minmax(0,1fr);padding:7px 16px}}
`;
