// The style sheet of index.html. One palette, light and dark by the reader's setting.
#include "eval/report_page.h"

namespace linvox {

const char* page_style() {
    return R"css(
:root{--bg:#f6f6f4;--card:#fff;--ink:#1d2126;--soft:#626b76;--line:#e3e4e1;--grid:#ececea;--accent:#2f5fd0;
--good:#0b7a54;--good-bg:#dff3ea;--bad:#b93a26;--bad-bg:#fbe6e1;--warn-bg:#fdf3d8;--warn-line:#e8cf88;--tag:#ecedef;
--s0:#4a74d8;--s1:#0f9d78;--s2:#d9772b;--s3:#a855b5;--s4:#8a8f22;--s5:#cf4a63;--c0:#59626d;--c1:#9098a3;--c2:#b3b9c1;
--chosen:#0f9d78;--rejected:#cf4a63;--shadow:0 1px 2px rgba(20,25,35,.05),0 2px 10px rgba(20,25,35,.04)}
@media (prefers-color-scheme:dark){:root{--bg:#14161a;--card:#1c1f24;--ink:#e9ebee;--soft:#9ba4af;--line:#2d3138;
--grid:#282c32;--accent:#86aaff;--good:#5fd0a3;--good-bg:#15382c;--bad:#ff8f7a;--bad-bg:#43211c;--warn-bg:#352d17;
--warn-line:#6b5a24;--tag:#2a2e35;--s0:#86a9ff;--s1:#3fcaa0;--s2:#f0a062;--s3:#d58be0;--s4:#c3c95a;--s5:#f2839a;
--c0:#b4bcc6;--c1:#7f8893;--c2:#646c76;--chosen:#3fcaa0;--rejected:#f2839a;--shadow:none}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:56px;-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",
Inter,Roboto,"Helvetica Neue",Arial,sans-serif}
.page{max-width:1240px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:30px;line-height:1.15;letter-spacing:-.02em;margin:2px 0 10px;font-weight:700}
h2{font-size:20px;letter-spacing:-.01em;margin:0 0 4px;font-weight:650}
section{margin:44px 0 0}
p{margin:0 0 10px}
.lead{color:var(--soft);max-width:76ch;margin-bottom:16px}
.fine,.soft{color:var(--soft)}.fine{font-size:13px;max-width:90ch;margin-top:10px}
.brand{color:var(--soft);font-size:13px;margin:0;letter-spacing:.02em}
code,kbd,.id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.86em}
kbd{border:1px solid var(--line);border-bottom-width:2px;border-radius:4px;padding:0 5px;background:var(--card)}
.id{color:var(--soft);font-weight:400}
a{color:var(--accent)}
.skip{position:absolute;left:-999px}.skip:focus{left:12px;top:8px;background:var(--card);padding:6px 10px;z-index:9}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
.counts{display:flex;flex-wrap:wrap;gap:6px 20px;margin:0 0 16px;color:var(--soft)}
.counts b{color:var(--ink);font-variant-numeric:tabular-nums}.counts .bad b,.bad{color:var(--bad)}.good{color:var(--good)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:12px 28px;margin:0}
.facts div{border-top:1px solid var(--line);padding-top:7px;min-width:0}
.facts dt{font-size:12.5px;color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.findings{margin:26px 0 0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 22px;
box-shadow:var(--shadow)}
.findings ul{list-style:none;margin:0;padding:0}
.findings>ul{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:18px 36px}
.findings .who{margin:0 0 6px;font-size:16px}.findings ul ul li{margin:5px 0;padding-left:0}
.num{font-variant-numeric:tabular-nums;white-space:nowrap}
.tag{display:inline-block;font-size:11.5px;line-height:1.5;padding:0 7px;border-radius:9px;background:var(--tag);
color:var(--soft);font-weight:600;white-space:nowrap}
.tag.good{background:var(--good-bg);color:var(--good)}.tag.bad{background:var(--bad-bg);color:var(--bad)}
.box{margin:18px 0 0;border:1px solid var(--line);border-radius:12px;padding:12px 20px;background:var(--card)}
.box.warn{background:var(--warn-bg);border-color:var(--warn-line)}
.box h2{font-size:14px;margin:0 0 2px}.box ul{margin:0;padding-left:18px}.box li{margin:2px 0;overflow-wrap:anywhere}
nav{position:sticky;top:0;z-index:5;background:color-mix(in srgb,var(--bg) 92%,transparent);backdrop-filter:blur(8px);
margin:26px -24px 0;padding:0 24px;border-bottom:1px solid var(--line)}
nav ul{display:flex;gap:22px;list-style:none;margin:0;padding:0;overflow-x:auto;scrollbar-width:none}
nav a{display:block;padding:11px 0;color:var(--soft);text-decoration:none;white-space:nowrap;font-weight:550;font-size:14px}
nav a:hover{color:var(--ink)}
main>section:first-child{margin-top:30px}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;background:var(--c);margin-right:8px}
.dot.c0,.dot.c1,.dot.c2{border-radius:1px;width:3px;height:12px;margin:0 11px -1px 3px}
.s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.t-chosen{--c:var(--chosen)}.t-rejected{--c:var(--rejected)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,380px),1fr));gap:16px}
table{border-collapse:collapse}
th{font-weight:500;text-align:left}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px 8px;
box-shadow:var(--shadow)}
.card table{width:100%}
.card caption{text-align:left;padding:0 0 6px;font-size:15px}
.card caption .id{float:right;padding-top:2px;font-size:12px}.card .unit,.unit{color:var(--soft)}
.arrow{display:inline-block;margin-left:4px;color:var(--soft);font-weight:600}
.card td,.card th{padding:4px 0;vertical-align:middle;border:0}
.card th{white-space:nowrap;padding-right:10px}
.card .plot{width:42%}
.card .num{text-align:right;padding-left:12px}.card .num small,.forest-table small{display:block;font-size:11.5px;
line-height:1.25;color:var(--soft);font-weight:400}
.card .n{text-align:right;padding-left:12px;color:var(--soft);font-size:12.5px;font-variant-numeric:tabular-nums}
.card .n::before{content:"n ";opacity:.7}
.card .n{white-space:nowrap}.failed{display:block;line-height:1.2}
.card .tag{margin-left:4px}
.ceiling th,.ceiling b{color:var(--soft);font-weight:500}
.whisker{display:block;width:100%;height:22px;overflow:visible}
.whisker .ci{stroke:var(--c);stroke-width:5;stroke-linecap:round;opacity:.33}
.whisker circle{fill:var(--c);stroke:var(--card);stroke-width:1.5}
.whisker circle.open{fill:var(--card);stroke:var(--c);stroke-width:2}
.whisker .tick{stroke:var(--c);stroke-width:3}
.whisker .target,.whisker .zero{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3;opacity:.8}
.whisker .zero{stroke-dasharray:none;opacity:.55}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow)}
.forest-table,.items,.plain,.bars{width:100%;font-size:14px}
.forest-table th,.forest-table td{padding:3px 12px;vertical-align:middle}
.forest-table thead th{padding:10px 12px 6px;color:var(--soft);font-size:12.5px;white-space:nowrap}
.forest-table .plot{width:34%;min-width:190px;padding-top:0;padding-bottom:0}
.forest-table tbody td.plot .whisker{height:34px}
.forest-table .group th{padding:12px 12px 2px;border-top:1px solid var(--line);font-weight:650}
.forest-table tbody th[scope=row]{white-space:nowrap;padding-left:22px}
.forest-table tbody tr:last-child>*{padding-bottom:9px}
.forest-table .n{white-space:nowrap;color:var(--soft)}
.ends{display:flex;justify-content:space-between;font-weight:500}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));gap:16px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:13px 14px 8px;
box-shadow:var(--shadow);display:flex;flex-direction:column}
figcaption{font-size:14.5px;line-height:1.35;margin-bottom:6px}figcaption .soft{display:block;font-size:12.5px}
figure .chart.curve{margin-top:auto}
.chart{display:block;width:100%;height:auto;font-size:11.5px}
.chart text{fill:var(--soft);font-family:inherit}.chart .label{fill:var(--ink);font-size:12.5px}
.chart .grid{stroke:var(--grid)}.chart .grid.zero{stroke:var(--soft);opacity:.5}
.chart .ridge{fill:var(--c);opacity:.3}.chart .box{stroke:var(--c);stroke-width:3}.chart .median{stroke:var(--c);
stroke-width:2.5}
.chart .line{fill:none;stroke:var(--c);stroke-width:1.9;stroke-linejoin:round}
.chart .held-out .line{stroke-width:1.7}.chart .held-out circle{fill:var(--c)}
.chart .band{fill:var(--c);opacity:.13}.chart .cursor{stroke:var(--soft);stroke-width:1}
.chart .reach{stroke:var(--c);stroke-width:1.6;opacity:.45}.chart .point{fill:var(--c)}
.chart .mark{fill:var(--ink);font-size:11.5px}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;color:var(--soft);margin:0 0 4px}
.legend .key{width:20px;height:9px;margin-right:6px;overflow:visible}.legend .key line{stroke:var(--c);stroke-width:2.6}
#tip{position:fixed;z-index:20;pointer-events:none;background:var(--ink);color:var(--bg);border-radius:8px;
padding:6px 10px;font-size:12.5px;line-height:1.45;font-variant-numeric:tabular-nums;max-width:280px;white-space:pre}
#tip[hidden]{display:none}
details{margin-top:10px}summary{cursor:pointer;padding:7px 0}details .figures{margin-top:8px}
#method details{border-top:1px solid var(--line);margin:0}#method .doc{color:var(--soft);max-width:90ch}
#method .scroll{margin-bottom:14px}
.plain caption,.bars caption{text-align:left;padding:11px 14px 3px;font-weight:600}
.plain th,.plain td{padding:5px 14px;border-top:1px solid var(--grid);text-align:left;white-space:nowrap}
.plain thead th{border-top:0;color:var(--soft);font-size:12.5px}.plain .num,.bars .num{text-align:right}
.panel .plain td:not(.num){white-space:normal;overflow-wrap:anywhere}
.panel{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr));gap:16px;margin-top:18px;
align-items:start}
.bars th,.bars td{padding:4px 14px;white-space:nowrap}.bars .plot{width:60%}.bar{display:block;width:100%;height:10px}
.bar rect{fill:var(--accent);opacity:.75}.bars tr:last-child>*{padding-bottom:12px}
.controls{display:flex;flex-wrap:wrap;gap:10px 16px;align-items:center;margin:0 0 12px;font-size:14px;color:var(--soft)}
.controls input[type=search],.controls select{font:inherit;color:var(--ink);background:var(--card);border:1px solid
var(--line);border-radius:8px;padding:5px 9px;margin-left:4px;max-width:230px}
.controls output{margin-left:auto;font-variant-numeric:tabular-nums}
.check input{margin-right:5px;vertical-align:-1px}
.items th,.items td{padding:8px 12px;border-top:1px solid var(--grid);vertical-align:top}
.items thead th{border-top:0;color:var(--soft);font-size:12.5px;white-space:nowrap;text-align:right;vertical-align:bottom}
.items thead th:nth-child(-n+2){text-align:left}
.items td.v{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.items td.v.null{color:var(--bad);font-size:12px}.items td.v.na{color:var(--soft)}
.items tr.row{cursor:pointer}.items tr.row:hover{background:color-mix(in srgb,var(--accent) 6%,transparent)}
.items tr.open{background:color-mix(in srgb,var(--accent) 9%,transparent)}
.items .open-item{all:unset;cursor:pointer;color:var(--accent);font-variant-numeric:tabular-nums}
.items .open-item:focus-visible{outline:2px solid var(--accent)}
.items .text{min-width:210px;max-width:520px}
.items .sound{color:var(--accent);margin-right:6px}
.items tr.detail>td{padding:6px 14px 18px;border-top:0;background:color-mix(in srgb,var(--accent) 4%,transparent)}
#more{font:inherit;margin:14px auto 0;display:block;border:1px solid var(--line);background:var(--card);color:var(--ink);
border-radius:8px;padding:7px 16px;cursor:pointer}#more[hidden]{display:none}
.view{position:sticky;left:0;max-width:min(1190px,calc(100vw - 50px))}
.view .said{font-size:17px;margin:6px 0 12px}
.voice{display:grid;grid-template-columns:168px minmax(0,1fr);gap:4px 16px;padding:12px 0;border-top:1px solid var(--line)}
.voice .head{display:flex;flex-direction:column;gap:7px;align-items:flex-start}
.voice .name{font-weight:600}.voice .name kbd{margin-right:7px;font-weight:400}
.play{font:inherit;font-size:13px;border:1px solid var(--line);background:var(--card);color:var(--ink);border-radius:16px;
padding:3px 13px;cursor:pointer;min-width:76px}
.voice.on .play{background:var(--accent);border-color:var(--accent);color:var(--bg)}
.voice .small{font-size:12.5px;color:var(--soft)}
.canvas{position:relative;cursor:crosshair;border-radius:6px;overflow:hidden;background:#060514;height:104px}
.canvas img,.canvas svg{position:absolute;inset:0;width:100%;height:100%;display:block}
.canvas img{image-rendering:auto}
.canvas .f0{fill:none;stroke:#5cf2ff;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linecap:round}
.canvas .now{position:absolute;top:0;bottom:0;width:2px;background:#fff;opacity:.9;left:0}
.scale{position:absolute;right:5px;font-size:10px;line-height:1;color:#5cf2ff;text-shadow:0 0 3px #000,0 0 3px #000}
.words{margin:9px 0 0;line-height:1.75}
.words span{padding:1px 4px;border-radius:4px;margin-right:2px}
.words .S{background:color-mix(in srgb,var(--s2) 24%,transparent)}.words .S s{color:var(--soft);margin-right:4px}
.words .D{background:var(--bad-bg);color:var(--bad);text-decoration:line-through}
.words .I{background:color-mix(in srgb,var(--s3) 24%,transparent)}
.words .I::before{content:"+"}
.words em{color:var(--soft)}
.response{margin:9px 0 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;line-height:1.5}
.values{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:12.5px;color:var(--soft);margin-top:6px}
.values b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}.values .null b{color:var(--bad)}
.key-line{font-size:12.5px;color:var(--soft);margin:10px 0 0}
footer{margin-top:56px;border-top:1px solid var(--line);padding-top:12px;color:var(--soft);font-size:13px}
@media (max-width:720px){.page{padding:18px 14px 48px}nav{margin:20px -14px 0;padding:0 14px}h1{font-size:25px}
section{margin-top:36px}.facts{grid-template-columns:1fr 1fr;gap:10px 18px}.voice{grid-template-columns:1fr}
.voice .head{flex-direction:row;flex-wrap:wrap;align-items:center;gap:6px 12px}.card .plot{width:34%}
.findings{padding:14px 16px}.items .text{min-width:170px}.canvas{height:88px}
.controls output{margin-left:0;width:100%}.view{max-width:calc(100vw - 58px)}
.forest-table th,.forest-table td{padding-left:9px;padding-right:9px}}
@media print{nav,.controls,#more{display:none}body{background:#fff}figure,.card,.scroll{break-inside:avoid;box-shadow:none}}
)css";
}

}  // namespace linvox
