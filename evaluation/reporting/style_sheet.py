"""Style sheet of the HTML report."""

STYLE = """
:root{
  --ink:#1b1f24;--soft:#5b6470;--line:#d9dee5;--back:#f6f8fa;
  --blue:#0b5cad;--good:#0a6b4b;--bad:#a3300a
}
*{box-sizing:border-box}
body{
  margin:0;color:var(--ink);background:#fff;
  font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif
}
main{max-width:1320px;margin:0 auto;padding:28px clamp(12px,3vw,24px) 80px}
h1{font-size:28px;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:21px;margin:44px 0 10px;padding-top:14px;border-top:2px solid var(--ink)}
h3{font-size:16px;margin:26px 0 8px}
p{max-width:78ch;margin:8px 0}
nav{
  background:var(--back);border:1px solid var(--line);border-radius:6px;
  padding:10px 16px;margin:18px 0;columns:2;font-size:14px
}
nav a{display:block;padding:1px 0}
a{color:var(--blue);text-decoration:none}
a:hover{text-decoration:underline}
.scroll{overflow-x:auto}
table{
  border-collapse:collapse;font-size:13px;margin:10px 0;
  font-variant-numeric:tabular-nums;width:100%
}
th{
  text-align:left;white-space:normal;color:var(--soft);font-weight:600;
  border-bottom:1.5px solid var(--ink);padding:5px 10px 5px 0;vertical-align:bottom
}
td{border-bottom:1px solid var(--line);padding:4px 9px 4px 0;vertical-align:top}
td,h1,h2,h3,p,summary,figcaption{overflow-wrap:anywhere}
th,td:first-child{overflow-wrap:normal}
td.n,th.n{text-align:right}
td.n span{white-space:nowrap;display:inline-block}
td.wide{color:var(--soft);min-width:110px}
tr.best td{background:#eef5fc;font-weight:600}
.good{color:var(--good);font-weight:600}
.bad{color:var(--bad);font-weight:600}
figure{margin:14px 0}
figure svg,figure img{max-width:100%;height:auto;display:block}
figcaption,.caption{color:var(--soft);font-size:13px;max-width:90ch;margin-top:4px}
pre{
  font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--back);
  border:1px solid var(--line);border-radius:6px;padding:8px 12px;margin:8px 0;
  white-space:pre-wrap;overflow-wrap:anywhere
}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:20px}
@media(max-width:1200px){
  .pair{grid-template-columns:1fr}
  nav{columns:1}
  table.many,table.many tbody,table.many tr,table.many td{display:block}
  table.many thead{display:none}
  table.many tr{border-bottom:1.5px solid var(--ink);padding:6px 0}
  table.many td{
    display:grid;grid-template-columns:minmax(8em,34%) 1fr;gap:10px;
    text-align:left;border:0;padding:1px 0
  }
  table.many td:empty,table.many td:has(>span:only-child:empty){display:none}
  table.many td::before{content:attr(data-head);color:var(--soft);font-weight:400}
  table.many td.n span{white-space:normal}
  table.many td:first-child{font-weight:600}
  table.many td.n{display:block}
  table.many td.n::before{
    display:inline-block;vertical-align:top;width:34%;min-width:8em;margin-right:10px
  }
}
details{margin:8px 0}
summary{cursor:pointer;color:var(--blue)}
code{
  font:12.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
  background:var(--back);padding:1px 4px;border-radius:3px;white-space:pre-wrap
}
@media(min-width:620px) and (max-width:1200px){
  table.many tr{columns:2;column-gap:28px}
  table.many td{break-inside:avoid}
}
@media print{
  nav,summary{display:none}
  main{max-width:none;padding:0}
  h2{break-before:page}
  h2:first-of-type{break-before:auto}
}
"""
