// Formulas: how they stand in Markdown, and KaTeX, which is loaded with the first one.

// $…$ as pandoc reads it: no space inside next to the dollars and no digit behind, so that prices stay prices.
const INLINE = /^(?:\\\(([\s\S]+?)\\\)|\$\$((?:(?!\$\$)[\s\S])+)\$\$|\\\[([\s\S]+?)\\\]|\$(?![\s$])((?:\\[\s\S]|[^\\$\n])+?)(?<!\s)\$(?!\d))/;
const BLOCK = /^ {0,3}(?:\$\$((?:(?!\$\$|\n\s*\n)[\s\S])+)\$\$|\\\[((?:(?!\\\]|\n\s*\n)[\s\S])+)\\\])[ \t]*(?:\n|$)/;
const LONGEST = 4000;

const token = (type, match, source, display) => match && { type, raw: match[0], source: source.trim(), display };

/** Extensions for marked. */
export const mathExtensions = [
  {
    name: "mathBlock",
    level: "block",
    start: text => text.match(/^ {0,3}(?:\$\$|\\\[)/m)?.index,
    tokenizer(text) {
      const match = BLOCK.exec(text);
      return match ? token("math", match, match[1] ?? match[2], true) : undefined;
    },
  },
  {
    name: "math",
    level: "inline",
    start: text => text.match(/\$|\\\(|\\\[/)?.index,
    tokenizer(text) {
      const match = INLINE.exec(text);
      return match ? token("math", match, match[1] ?? match[2] ?? match[3] ?? match[4], match[2] !== undefined || match[3] !== undefined) : undefined;
    },
  },
];

let loading = null;

function katex() {
  loading ??= (async () => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("../vendor/katex/katex.min.css", import.meta.url).pathname;
    const styled = new Promise((resolve, reject) => sheet.addEventListener("load", resolve) ?? sheet.addEventListener("error", reject));
    document.head.append(sheet);
    await Promise.all([import("../vendor/katex/katex.min.js"), styled]);
    return globalThis.katex;
  })();
  return loading;
}

/** An element for a formula: its source at first, and if it can't be set. */
export function formula({ source, raw, display }) {
  const element = document.createElement("span");
  element.className = display ? "math display" : "math";
  element.textContent = raw.trim();
  if (source.length <= LONGEST) {
    katex().then(k => {
      const set = document.createElement("span");
      // The model wrote the source: no links, no sizes that fill the page, few macro expansions.
      k.render(source, set, { displayMode: display, throwOnError: true, strict: "ignore", trust: false, maxSize: 20, maxExpand: 200 });
      element.replaceChildren(...set.childNodes);
    }).catch(() => element.classList.add("unset"));
  }

  return element;
}
