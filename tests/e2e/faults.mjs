// The page against a server that says what no model can be made to say, and breaks as networks break.
import { readFile } from "node:fs/promises";
import { until } from "./checks.mjs";
import { withPage } from "./browser.mjs";
import { startMock } from "./mock.mjs";
import { ATTACKS, MARKDOWN, THOUGHTS, pieces } from "./texts.mjs";

export async function testFaults(checks, browser) {
  const on = async (name, respond, options, body) => checks.step(name, async () => {
    const mock = await startMock(respond, options.mock);
    try {
      await withPage(browser, checks, mock.url, options, (p, context) => body(p, mock, context));
    } finally {
      await mock.close();
    }
  });

  await on("Markdown and formulas are set, thoughts fold", () => ({ pieces: [...pieces(THOUGHTS, "reasoning"), ...pieces(MARKDOWN)], delay: 8 }), {}, async (p, mock) => {
    await p.ask("What is the hadal zone?");
    await p.page.waitForSelector(".thinking[open] summary:has-text('Thinking')");
    checks.that("thoughts are open while the model thinks", true);
    await p.answered();
    checks.that("then they fold, and say how long it was", /^Thought for \d/.test(await p.text(".thinking summary")) && !(await p.page.$eval(".thinking", e => e.open)), await p.text(".thinking summary"));
    checks.equal("what was thought is kept", await p.texts(".thinking .prose p"), THOUGHTS.split("\n\n"));
    await p.page.waitForSelector(".prose .katex-display");
    checks.equal("formulas", (await p.page.$$(".prose .math .katex")).length, 2);
    checks.equal("prices are no formulas", (await p.texts(".prose ol li")).at(-1), "A ticket down costs more than $5, and less than $1,000,000.");
    checks.equal("a table", [(await p.texts(".prose th")).join(), (await p.page.$$(".prose tbody tr")).length], ["Trench,Depth,Found", 3]);
    checks.that("a code block, word for word", (await p.text(".prose pre code")).startsWith("def pressure(depth, density=1_029, g=9.81):\n    \"\"\"Bar"));
    checks.equal("a link is safe", await p.page.$eval(".prose a", a => [a.href, a.rel, a.target]), ["https://example.org/hadal", "noopener noreferrer nofollow", "_blank"]);
    checks.that("what it cost is told", /tokens\/s/.test(await p.text(".message.assistant .stats")), await p.text(".message.assistant .stats"));
    await p.page.click(".thinking summary");
    checks.that("thoughts open again by hand", await p.page.$eval(".thinking", e => e.open));
    await p.page.waitForFunction(() => document.fonts.status === "loaded");
    await p.shot("markdown-light");
    await p.page.click("#theme");
    await p.shot("markdown-dark");
    checks.equal("one request, to the chat endpoint", mock.requests.map(r => r.path), ["/v1/chat/completions"]);
  });

  await on("nothing that a model writes runs, loads or leaves", (body, attempt) => ({ pieces: [...pieces(ATTACKS[attempt] ?? "no more", "reasoning"), ...pieces(ATTACKS[attempt] ?? "no more")] }), {}, async p => {
    for (const attack of ATTACKS) {
      await p.ask("x");
      await p.answered();
      const state = await p.page.evaluate(() => ({
        pwned: window.pwned,
        bad: [...document.querySelectorAll("#thread script, #thread img, #thread iframe, #thread form, #thread style, #thread link, #thread object, #thread base, #thread meta")].map(e => e.outerHTML),
        handlers: [...document.querySelectorAll("#thread *")].filter(e => [...e.attributes].some(a => a.name.startsWith("on") || a.name === "style" && !e.closest(".katex"))).map(e => e.outerHTML),
        links: [...document.querySelectorAll("#thread a")].filter(a => !/^(https?|mailto):/.test(a.getAttribute("href") ?? "")).map(a => a.outerHTML),
        visible: getComputedStyle(document.body).display !== "none",
        empty: document.querySelector("#thread article:last-child .body > .prose").textContent.trim() === "",
      }));
      checks.equal(`attack ${JSON.stringify(attack.slice(0, 60))}`, state, { bad: [], handlers: [], links: [], visible: true, empty: attack.startsWith("[ref]:") ? state.empty : false });
    }

    // The user's own text, titles and models' names go in as text too.
    await p.ask("<img src=x onerror=window.pwned=20>");
    checks.equal("the user's text", await p.page.$eval(".message.user:nth-last-of-type(2) .plain", e => e.textContent), "<img src=x onerror=window.pwned=20>");
    checks.equal("nothing ran", await p.page.evaluate(() => window.pwned), undefined);
  });

  await on("a formula of thousands of macros or a wall of marks does not stop the page", (body, attempt) => ({ pieces: [{ content: ["$$\\def\\a{x}" + "\\a".repeat(3000) + "$$", "*".repeat(30_000), "[".repeat(20_000), "x ".repeat(150_000)][attempt] }] }), {}, async p => {
    for (let i = 0; i < 4; i++) {
      await p.ask("go");
      await p.answered(60_000);
    }

    checks.equal("all answers are there", (await p.page.$$(".message.assistant")).length, 4);
  });

  await on("a stream that breaks off is said, and can be tried again", (body, attempt) => ({ pieces: pieces("one two three four"), delay: 10, cut: attempt === 0 }), { expectedErrors: ["ERR_INCOMPLETE_CHUNKED_ENCODING"] }, async (p, mock) => {
    await p.ask("count");
    await p.answered();
    checks.equal("what came stays", (await p.lastAnswer()).trim(), "one two three four");
    checks.that("the break is said", (await p.text(".note")).startsWith("The connection to the server broke off."), await p.text(".note"));
    await p.page.click(".note button");
    await p.answered();
    checks.equal("the second attempt stands beside the first", [mock.requests.length, await p.text(".message.assistant .pager")], [2, "2 / 2"]);
    checks.equal("both were asked the same", mock.requests[1].body.messages, [{ role: "user", content: "count" }]);
  });

  await on("refusals are shown in the server's words", (body, attempt) => [
    { status: 429, error: "256 requests are waiting already, and no more are taken.", headers: { "Retry-After": "7" } },
    { status: 400, error: "temperature is 3, expected 0 to 2." },
    { pieces: [{ content: "half" }, { error: "The model <b>fell</b> over." }] },
    { pieces: pieces("at last") },
  ][attempt], { expectedErrors: ["status of 429", "status of 400"] }, async p => {
    await p.ask("x");
    await p.answered();
    checks.equal("429", await p.text(".note"), "256 requests are waiting already, and no more are taken. The server asks to wait 7 s.Try again");
    await p.shot("error");
    for (const expected of ["temperature is 3, expected 0 to 2.Try again", "The model <b>fell</b> over.Try again"]) {
      await p.page.click(".note button");
      await p.answered();
      checks.equal("a refusal", await p.text(".message.assistant .note"), expected);
    }

    await p.page.click(".note button");
    await p.answered();
    checks.equal("attempts that brought nothing are gone, the half one stays", [(await p.lastAnswer()).trim(), await p.text(".pager")], ["at last", "2 / 2"]);
  });

  await on("the page asks for a key when the server does", () => ({ pieces: pieces("hello") }), { mock: { key: "sesame" }, expectedErrors: ["status of 401"] }, async (p, mock) => {
    await p.page.waitForSelector("#set-key:focus");
    checks.equal("the server's words", await p.text("#banner"), "The API key is missing or wrong.Try again");
    await p.page.fill("#set-key", "sesame");
    await p.page.press("#set-key", "Enter");
    await p.page.waitForSelector("#banner", { state: "hidden" });
    await p.closeSettings();
    await p.ask("hi");
    await p.answered();
    checks.equal("then it answers", (await p.lastAnswer()).trim(), "hello");
    await p.page.reload();
    await p.page.waitForFunction(() => document.getElementById("model").value === "mock");
    checks.that("the key is kept", await p.page.isHidden("#banner"));
    checks.that("it is a password field", await p.page.$eval("#set-key", e => e.type === "password"));
    checks.equal("requests", mock.requests.length, 1);
  });

  await on("a model without chat template continues the text", () => ({ pieces: pieces(" upon a time.") }), { mock: { models: [{ id: "base", supports_chat: false }] } }, async (p, mock) => {
    await p.page.waitForSelector("#no-chat");
    await p.set("system", "not for this model");
    await p.closeSettings();
    await p.ask("Once");
    await p.answered();
    await p.ask(" The");
    await p.answered();
    checks.equal("prompts", mock.requests.map(r => [r.path, r.body.prompt, "messages" in r.body]), [["/v1/completions", "Once", false], ["/v1/completions", "Once upon a time. The", false]]);
  });

  await on("settings reach the request, are kept, and refuse nonsense", () => ({ pieces: pieces("{}") }), {}, async (p, mock) => {
    for (const [name, value] of [["temperature", "0,7"], ["topP", "0.9"], ["topK", "40"], ["minP", "0.05"], ["maxTokens", "99"], ["seed", "5"], ["system", "Be brief."]]) await p.set(name, value);
    await p.page.check("#set-json");
    await p.page.fill("#set-topP", "7");
    checks.that("a value outside its bounds is said", (await p.text("#set-topP-wrong")) === "A number from 0.01 to 1.", await p.text("#set-topP-wrong"));
    await p.page.reload();
    await p.page.waitForFunction(() => document.getElementById("model").value === "mock");
    await p.ask("x");
    await p.answered();
    const { stream, stream_options, model, ...rest } = mock.requests[0].body;
    checks.equal("the request", rest, { temperature: 0.7, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 99, seed: 5, response_format: { type: "json_object" }, messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "x" }] });
    checks.equal("it streams and asks for usage", [stream, stream_options, model], [true, { include_usage: true }, "mock"]);
    await p.openSettings();
    await p.page.click("#settings-reset");
    await p.ask("y");
    await p.answered();
    checks.equal("the defaults leave all to the server", Object.keys(mock.requests[1].body).sort(), ["messages", "model", "stream", "stream_options"]);
  });

  const side = body => ({ pieces: Array.from({ length: 6 }, (_, k) => Array.from({ length: body.n ?? 1 }, (_, index) => ({ index, content: `a${index}.${k} ` }))).flat(), delay: 3 });
  await on("answers side by side: one is chosen, the conversation goes on with it", side, {}, async (p, mock) => {
    await p.set("n", 3);
    await p.closeSettings();
    await p.ask("three");
    await p.answered();
    checks.equal("three columns, each its own answer", (await p.texts(".columns .prose")).map(t => t.trim()).filter(Boolean), [0, 1, 2].map(i => [0, 1, 2, 3, 4, 5].map(k => `a${i}.${k}`).join(" ")));
    await p.shot("side-by-side");
    await p.page.click(".columns .message:nth-child(2) .choose");
    checks.equal("the columns close", [await p.page.$$(".columns").then(c => c.length), await p.text(".message.assistant .pager")], [0, "2 / 3"]);
    await p.set("n", 1);
    await p.ask("go on");
    await p.answered();
    checks.equal("the chosen one is what was said", mock.requests[1].body.messages[1].content.trim(), "a1.0 a1.1 a1.2 a1.3 a1.4 a1.5");
    await p.page.click(".message.assistant >> nth=0 >> [aria-label='Side by side']");
    checks.equal("they can be compared again, and what followed stays", [(await p.page.$$(".columns .message")).length, (await p.page.$$("#thread > .message")).length], [3, 3]);
  });

  await on("edit, branch, answer again, and all of it after a reload", (body, attempt) => ({ pieces: pieces(`answer ${attempt}`) }), {}, async (p, mock) => {
    await p.ask("first");
    await p.answered();
    await p.ask("second");
    await p.answered();
    await p.page.press("#prompt", "ArrowUp");
    await p.page.fill(".edit", "second, edited");
    await p.page.press(".edit", "Enter");
    await p.answered();
    checks.equal("the edited message is asked", mock.requests[2].body.messages.map(m => m.content), ["first", "answer 0", "second, edited"]);
    await p.page.hover(".message.user >> nth=1");
    await p.page.click(".message.user >> nth=1 >> [aria-label='Previous version']");
    checks.equal("the focus stays on the button", await p.page.evaluate(() => document.activeElement.ariaLabel), "Previous version");
    checks.equal("the branch before is still there", (await p.texts(".message .body")).map(t => t.trim()), ["first", "answer 0", "second", "answer 1"]);
    await p.page.click(".message.assistant >> nth=1 >> [aria-label='Answer again']");
    await p.answered();
    checks.equal("again", [(await p.lastAnswer()).trim(), mock.requests[3].body.messages.length], ["answer 3", 3]);
    await p.page.hover(".message.assistant >> nth=1");
    await p.page.click(".message.assistant >> nth=1 >> [aria-label='Edit']");
    await p.page.fill(".edit", "as I would say it");
    await p.page.click(".editing [type=submit]");
    checks.equal("an answer can be rewritten", (await p.lastAnswer()).trim(), "as I would say it");
    await p.page.reload();
    await p.page.click("#conversations .title");
    checks.equal("everything is kept", (await p.texts(".message .body")).map(t => t.trim()), ["first", "answer 0", "second", "as I would say it"]);
    checks.equal("its versions too", await p.text(".message.assistant:last-child .pager"), "3 / 3");
  });

  await on("stop ends the request, Esc too; what came stays", () => ({ pieces: pieces("word ".repeat(2000)), delay: 5 }), {}, async (p, mock) => {
    for (const how of [() => p.page.click("#stop"), () => p.page.press("#prompt", "Escape")]) {
      await p.ask("go");
      const begun = await until("the first words", async () => (await p.lastAnswer()).length > 20 && p.lastAnswer());
      await until("more words", async () => (await p.lastAnswer()).length > begun.length);
      await how();
      await p.answered(3000);
      checks.that("it says so", (await p.texts(".note")).at(-1) === "Stopped.", await p.texts(".note"));
      await until("the server sees the request closed", () => mock.requests.at(-1).closed, 3000);
      checks.that("the server sees the request closed", true);
    }
  });

  await on("Shift+Enter makes a line, Enter sends, nothing sends nothing", () => ({ pieces: pieces("ok") }), {}, async (p, mock) => {
    await p.page.press("#prompt", "Enter");
    await p.page.type("#prompt", "   ");
    await p.page.press("#prompt", "Enter");
    await p.page.fill("#prompt", "a");
    await p.page.press("#prompt", "Shift+Enter");
    await p.page.type("#prompt", "b");
    await p.page.press("#prompt", "Enter");
    await p.answered();
    checks.equal("one message of two lines", mock.requests.map(r => r.body.messages[0].content), ["a\nb"]);
  });

  await on("conversations: list, rename, delete and undo, export and import", (body, attempt) => ({ pieces: pieces(`answer ${attempt}`) }), {}, async (p, mock, context) => {
    for (const text of ["alpha", "beta"]) {
      await p.page.click("#new");
      await p.ask(text);
      await p.answered();
    }

    checks.equal("two in the list", await p.texts("#conversations .title span"), ["beta", "alpha"]);
    const [download] = await Promise.all([p.page.waitForEvent("download"), p.page.click("#export")]);
    const file = JSON.parse(await readFile(await download.path(), "utf8"));
    checks.equal("the export holds both", file.conversations.map(c => c.title), ["beta", "alpha"]);
    await p.page.hover("#conversations li >> nth=0");
    await p.page.click("#conversations li >> nth=0 >> [aria-label^=Rename]");
    await p.page.keyboard.type("gamma");
    await p.page.keyboard.press("Enter");
    checks.equal("renamed", await p.texts("#conversations .title span"), ["gamma", "alpha"]);
    await p.page.hover("#conversations li >> nth=1");
    await p.page.click("#conversations li >> nth=1 >> [aria-label^=Delete]");
    checks.equal("deleted", await p.texts("#conversations .title span"), ["gamma"]);
    await p.page.click(".toast button");
    checks.equal("undone", await p.texts("#conversations .title span"), ["gamma", "alpha"]);

    const put = (name, text) => p.page.setInputFiles("#import-file", { name, mimeType: "application/json", buffer: Buffer.from(text) });
    for (const [text, expected] of [["{", "The file is no JSON."], ["{\"format\":1}", "is no export of this page"], [JSON.stringify({ ...file, version: 2 }), "version 2"], [JSON.stringify({ ...file, conversations: [{ id: "x", title: "", nodes: {} }] }), "Conversation 1 of the file can't be read"]]) {
      await put("x.json", text);
      await p.page.waitForSelector(`.toast:has-text("${expected}")`);
      checks.that(`a file is refused: ${expected}`, true);
    }

    const other = await context.browser().newContext();
    const fresh = await other.newPage();
    await fresh.goto(mock.url);
    await fresh.setInputFiles("#import-file", { name: "x.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(file)) });
    await fresh.waitForSelector(".toast:has-text('2 conversations came in')");
    await fresh.click("#conversations .title >> nth=1");
    checks.equal("in another browser the conversation is there", (await fresh.$$eval(".message .body", all => all.map(e => e.textContent.trim()))), ["alpha", "answer 0"]);
    await other.close();

    const second = await context.newPage();
    await second.goto(mock.url);
    await second.fill("#prompt", "from another tab");
    await second.press("#prompt", "Enter");
    await p.page.waitForSelector("#conversations .title:has-text('from another tab')");
    checks.that("another tab's conversation appears", true);
  });

  await on("a full browser is said, and the conversation goes on", () => ({ pieces: pieces("fine") }), {}, async p => {
    await p.page.evaluate(() => { for (let size = 4_000_000; size > 1; size = Math.floor(size / 2)) try { localStorage.setItem(`x${size}`, "x".repeat(size)); } catch { /* full at this size */ } });
    await p.ask("hello");
    await p.page.waitForSelector(".toast:has-text('no room left')");
    await p.answered();
    checks.equal("the answer is shown", (await p.lastAnswer()).trim(), "fine");
  });

  await checks.step("a server that is not there is said, and asked again", async () => {
    const mock = await startMock(() => ({ pieces: pieces("back") }));
    const port = Number(new URL(mock.url).port);
    await withPage(browser, checks, mock.url, { expectedErrors: ["ERR_CONNECTION_REFUSED"] }, async p => {
      await p.page.waitForFunction(() => document.getElementById("model").value === "mock");
      await mock.close();
      await p.ask("anyone?");
      await p.answered();
      checks.equal("said", await p.text(".note"), "The server can't be reached.Try again");
      const again = await startMock(() => ({ pieces: pieces("back") }), { port });
      await p.page.click(".note button");
      await p.answered();
      checks.equal("and answered when it is back", [(await p.lastAnswer()).trim(), (await p.page.$$(".pager")).length], ["back", 0]);
      await again.close();
    });
  });

  await on("every control has a name, and the keyboard reaches them all", () => ({ pieces: pieces(MARKDOWN) }), {}, async p => {
    await p.ask("x");
    await p.answered();
    await p.openSettings();
    const nameless = await p.page.$$eval("button, input, select, textarea, a, nav, aside", all => all.filter(e => !e.hidden && !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title)).map(e => e.outerHTML.slice(0, 120)));
    checks.equal("controls without a name", nameless, []);
    const ids = await p.page.$$eval("[id]", all => all.map(e => e.id));
    checks.equal("ids are unique", ids.filter((id, i) => ids.indexOf(id) !== i), []);
    const reached = new Set();
    await p.page.evaluate(() => document.activeElement.blur());
    for (let i = 0; i < 60; i++) {
      await p.page.keyboard.press("Tab");
      const [name, outlined] = await p.page.evaluate(() => {
        const e = document.activeElement;
        return e === document.body ? [null, true] : [e.id || e.ariaLabel || e.textContent.trim().slice(0, 20), getComputedStyle(e).outlineStyle !== "none"];
      });
      if (name === null) continue; // around the end, where the browser's own controls are
      reached.add(name);
      checks.that(`focus is seen on '${name}'`, outlined || name === "prompt"); // whose frame is coloured instead
    }

    for (const id of ["new", "export", "import", "theme", "open-settings", "set-temperature", "set-json", "set-system", "settings-reset", "prompt"]) checks.that(`Tab reaches ${id}`, reached.has(id), [...reached]);
    const frame = () => p.page.$eval("#composer", e => getComputedStyle(e).borderColor);
    await p.page.focus("#new");
    const unfocused = await frame();
    await p.page.focus("#prompt");
    checks.that("the message field's frame shows its focus", (await frame()) !== unfocused);
    await p.page.press("#set-seed", "Escape");
    checks.equal("Esc closes the settings and goes to the message", [await p.page.isHidden("#settings"), await p.page.evaluate(() => document.activeElement.id)], [true, "prompt"]);
    checks.equal("the conversation is a log that is announced", await p.page.$eval("#thread", e => [e.getAttribute("role"), e.getAttribute("aria-live")]), ["log", "polite"]);
  });
}
