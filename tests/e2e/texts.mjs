// What the mock server's model says.

export const MARKDOWN = `The **hadal zone** lies below 6,000 metres, in the trenches of the ocean floor. Pressure there grows by about one atmosphere every ten metres:

$$p(z) = p_0 + \\int_0^z \\rho(s)\\, g \\, \\mathrm{d}s \\approx p_0 + \\rho g z$$

so at $z = 10{,}935\\,\\mathrm{m}$ it is close to 1,100 bar. Three things follow.

1. Proteins fold differently, which is why hadal fish carry *trimethylamine N-oxide*.
2. Light has been gone for ten kilometres.
3. A ticket down costs more than $5, and less than $1,000,000.

| Trench | Depth | Found |
|---|---:|---|
| Mariana | 10,935 m | 1875 |
| Tonga | 10,823 m | 1889 |
| Kuril–Kamchatka | 9,604 m | 1874 |

### A small calculation

\`\`\`python
def pressure(depth, density=1_029, g=9.81):
    """Bar of sea water above atmospheric pressure."""
    return density * g * depth / 1e5

print(round(pressure(10_935)))
\`\`\`

> The sea, once it casts its spell, holds one in its net of wonder forever.

See [the article](https://example.org/hadal "title") or use \`pressure(6000)\`.
- [x] measured
- [ ] visited`;

export const THOUGHTS = "The user asks about the deep sea. I should give the definition first, then the pressure formula, and a table of trenches.\n\nLet me check the number: 1029 · 9.81 · 10935 / 10⁵ ≈ 1104 bar. Good.";

export const ATTACKS = [
  "<script>window.pwned = 1</script>",
  "<img src=x onerror='window.pwned=2'>",
  "<svg onload=window.pwned=3><a xlink:href='javascript:window.pwned=3'>x</a></svg>",
  "[click](javascript:window.pwned=4)",
  "[click](  JaVaScRiPt:window.pwned=5)",
  "[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cucHduZWQ9Njwvc2NyaXB0Pg==)",
  "[click](vbscript:x) [click](&#106;avascript:window.pwned=6) [click](java\nscript:window.pwned=6)",
  "![x](https://evil.example/pixel.png) ![x](javascript:window.pwned=7)",
  "<https://evil.example/\"onmouseover=\"window.pwned=8>",
  "[x](https://evil.example/\"onmouseover=\"window.pwned=9 \"title\\\" onmouseover=window.pwned=9\")",
  "```\"><script>window.pwned=10</script>\n<script>window.pwned=10</script>\n```",
  "$\\href{javascript:window.pwned=11}{x}$ and $\\htmlData{a=b}{x}$ and $\\includegraphics{https://evil.example/a.png}$",
  "$$\\def\\a{\\a\\a}\\a$$ and $$\\rule{9999em}{9999em}$$",
  "<iframe srcdoc='<script>parent.pwned=12</script>'></iframe><base href=https://evil.example/><form action=https://evil.example><button>x",
  "<style>body{display:none}</style><link rel=stylesheet href=https://evil.example/x.css><meta http-equiv=refresh content='0;url=https://evil.example'>",
  "| <img src=x onerror=window.pwned=13> | b |\n|---|---|\n| [a](javascript:window.pwned=13) | <script>window.pwned=13</script> |",
  "[ref]: javascript:window.pwned=14\n\n[ref] and [relative](/v1/models) and [//](//evil.example/x)",
  `${">".repeat(3000)} deep`,
  `${"- ".repeat(2000)}deep`,
];

const words = text => text.match(/\s*\S+/g) ?? [];

/** Pieces of a text, one word each. */
export const pieces = (text, key = "content") => words(text).map(word => ({ [key]: word }));

/** What `node mock.mjs` answers: thoughts, then Markdown; side by side if asked for. */
export function showcase(body) {
  const n = body.n ?? 1, last = body.messages?.at(-1)?.content ?? body.prompt;
  if (/busy/.test(last)) return { status: 429, error: "256 requests are waiting already, and no more are taken.", headers: { "Retry-After": "3" } };
  if (/cut/.test(last)) return { pieces: pieces(MARKDOWN).slice(0, 40), delay: 20, cut: true };
  if (n > 1) {
    const all = Array.from({ length: n }, (_, index) => words(MARKDOWN.split("\n\n")[index % 3] + " " + MARKDOWN).slice(0, 60 + 20 * index).map(content => ({ index, content })));
    return { pieces: all[0].flatMap((_, i) => all.flatMap(a => a.slice(i, i + 1))), delay: 10 };
  }

  return { pieces: [...pieces(THOUGHTS, "reasoning"), ...pieces(MARKDOWN)], delay: 15 };
}
