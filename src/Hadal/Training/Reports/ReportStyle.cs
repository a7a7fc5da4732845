namespace Hadal.Training.Reports;

/// <summary>How a page looks: light or dark as the reader's system is, on a phone as on a desk.</summary>
internal static class ReportStyle
{
    /// <summary>Colours for series, c0 and following.</summary>
    public const int Colours = 6;

    public const string Css = """
        :root { --page:#f6f6f4; --card:#fff; --ink:#1c1d20; --soft:#6a6c72; --rule:#e3e3df; --low:#2a6fdb; --even:#f0efec; --high:#d0402f; --none:#fff;
          --c0:#2a78d6; --c1:#e0662c; --c2:#12966b; --c3:#8653d4; --c4:#cf3f86; --c5:#9a7400; }
        @media (prefers-color-scheme: dark) {
          :root { --page:#141517; --card:#1d1f22; --ink:#e9e9e6; --soft:#9b9da3; --rule:#34363b; --low:#4b95f5; --even:#33353a; --high:#f2705c; --none:#1d1f22;
            --c0:#5aa0f2; --c1:#f28a52; --c2:#36c191; --c3:#ab87f0; --c4:#ee74ac; --c5:#d3ad35; } }
        * { box-sizing:border-box; }
        body { margin:0; background:var(--page); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif; }
        main { max-width:1180px; margin:0 auto; padding:28px 20px 60px; }
        h1 { margin:0; font-size:26px; line-height:1.25; overflow-wrap:anywhere; }
        h2 { margin:34px 0 12px; font-size:17px; }
        .subtitle { margin:4px 0 22px; color:var(--soft); }
        .cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(150px,1fr)); gap:10px; margin:0 0 16px; }
        .cards div { background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:10px 12px; min-width:0; }
        dt { color:var(--soft); font-size:12.5px; }
        dd { margin:0; font-size:18px; white-space:nowrap; font-weight:600; font-variant-numeric:tabular-nums; line-height:1.3; }
        small { display:block; font-size:12px; font-weight:400; line-height:1.35; color:var(--soft); white-space:normal; }
        .wide { overflow-x:auto; background:var(--card); border:1px solid var(--rule); border-radius:8px; margin-bottom:16px; }
        table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; }
        th,td { padding:7px 14px; text-align:right; border-top:1px solid var(--rule); white-space:nowrap; }
        tr:first-child th { border-top:0; color:var(--c); }
        th:first-child { text-align:left; font-weight:400; color:var(--soft); }
        .plots { display:grid; grid-template-columns:repeat(2,minmax(0,1fr)); gap:14px; }
        .plots figure:first-child { grid-column:1/-1; --tall:320px; }
        .plots figure:last-child:nth-child(even) { grid-column:1/-1; }
        figure { margin:0; background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:12px 16px 8px; min-width:0; }
        figcaption { display:flex; flex-wrap:wrap; gap:0 8px; align-items:baseline; }
        figcaption i { font-style:normal; font-size:12.5px; color:var(--soft); }
        .legend { display:flex; flex-wrap:wrap; gap:2px 16px; list-style:none; margin:4px 0 0; padding:0; font-size:12.5px; color:var(--soft); }
        .legend li::before { content:""; display:inline-block; width:16px; height:0; border-top:2px solid var(--c); margin-right:6px; vertical-align:middle; }
        .legend .faint::before { opacity:.45; }
        .legend .thin::before { width:7px; height:7px; border:0; border-radius:50%; background:var(--c); }
        .frame { position:relative; height:var(--tall,200px); margin:12px 6px 22px 46px; touch-action:pan-y; }
        .frame svg { position:absolute; inset:0; width:100%; height:100%; overflow:visible; }
        path { fill:none; stroke:var(--c); stroke-width:1.8; vector-effect:non-scaling-stroke; stroke-linejoin:round; }
        path.grid { stroke:var(--rule); stroke-width:1; }
        path.faint { stroke-width:1; opacity:.38; }
        path.thin { stroke-width:1; opacity:.7; }
        path.dots { stroke-width:6; stroke-linecap:round; }
        .frame span { position:absolute; font-size:11.5px; line-height:1; color:var(--soft); font-variant-numeric:tabular-nums; white-space:nowrap; }
        .frame .y { right:100%; margin-right:7px; transform:translateY(50%); }
        .frame .x { top:100%; margin-top:8px; transform:translateX(-50%); }
        .xlabel { font-size:11.5px; color:var(--soft); text-align:center; line-height:1.2; }
        .cursor { position:absolute; top:0; bottom:0; width:1px; background:var(--soft); pointer-events:none; display:none; }
        .tip { position:absolute; top:4px; z-index:2; display:none; pointer-events:none; background:var(--card); border:1px solid var(--rule); border-radius:6px;
          padding:5px 9px; font-size:12px; line-height:1.5; white-space:nowrap; box-shadow:0 2px 10px #0003; font-variant-numeric:tabular-nums; }
        .tip div::before { content:""; display:inline-block; width:8px; height:8px; border-radius:2px; background:var(--c); margin-right:6px; }
        .heat { margin-top:14px; }
        .scale { display:flex; justify-content:space-between; max-width:340px; margin:8px 0; padding:1px 8px; border-radius:4px; font-size:11px; font-weight:600;
          background:linear-gradient(90deg,var(--low),var(--even),var(--high)); }
        .scale span:first-child,.scale span:last-child { color:#fff; }
        .maps { display:grid; grid-template-columns:repeat(auto-fill,minmax(270px,1fr)); gap:12px 16px; margin:10px 0 6px; }
        .name { font-size:12.5px; color:var(--soft); }
        .canvas { position:relative; height:130px; }
        canvas { width:100%; height:100%; image-rendering:pixelated; display:block; border-radius:3px; }
        .ends { display:flex; justify-content:space-between; font-size:11px; color:var(--soft); }
        details { background:var(--card); border:1px solid var(--rule); border-radius:8px; margin-bottom:8px; padding:8px 14px; }
        summary { cursor:pointer; color:var(--soft); font-size:13.5px; overflow-wrap:anywhere; }
        pre { margin:8px 0 4px; white-space:pre-wrap; overflow-wrap:anywhere; font:13px/1.55 ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace; }
        .c0 { --c:var(--c0); } .c1 { --c:var(--c1); } .c2 { --c:var(--c2); } .c3 { --c:var(--c3); } .c4 { --c:var(--c4); } .c5 { --c:var(--c5); }
        @media (max-width:760px) { main { padding:18px 12px 40px; } .plots { grid-template-columns:minmax(0,1fr); } .cards { grid-template-columns:1fr 1fr; }
          figure { padding:10px 12px 6px; } .plots figure:first-child { --tall:230px; } .scale { max-width:none; } }
        """;
}
