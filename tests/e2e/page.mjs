// The page in a browser, served by hadal, with a model behind it.
import { until } from "./checks.mjs";
import { withPage } from "./browser.mjs";

export async function testPage(checks, browser, server) {
  const on = (name, options, body) => checks.step(name, () => withPage(browser, checks, server.url, options, body));

  await on("page: a prompt is answered as a stream, with its cost", { colorScheme: "light" }, async p => {
    await p.page.waitForFunction(id => document.getElementById("model").value === id, server.id);
    await p.shot("1-empty");
    await p.set("maxTokens", 400);
    await p.set("topP", 0.9); // without the end of a text, which this model has never seen
    await p.set("seed", 1);
    await p.shot("2-settings");
    await p.closeSettings();
    await p.ask("Tell me of the kernels.");
    const lengths = new Set();
    await until("the end of the answer", async () => {
      lengths.add((await p.lastAnswer()).length);
      return p.page.isHidden("#stop");
    }, 60_000);
    checks.that("the text grew over time", lengths.size > 5, [...lengths]);
    const stats = await p.text(".message.assistant .stats");
    checks.that("tokens and their speed are told", /^400 tokens · [\d,.]+ tokens\/s · first after /.test(stats), stats);
    checks.equal("the limit is told", await p.text(".note"), "Reached the token limit.");
    await p.shot("3-answer-light");
    const first = await p.lastAnswer();
    await p.page.click("[aria-label='Answer again']");
    await p.answered(60_000);
    checks.equal("the same seed answers the same again", [await p.lastAnswer(), await p.text(".message.assistant .pager")], [first, "2 / 2"]);
    await p.set("seed", 2);
    await p.closeSettings();
    await p.page.click("[aria-label='Answer again']");
    await p.answered(60_000);
    checks.that("another seed answers otherwise", (await p.lastAnswer()) !== first);
    await p.page.click("#theme");
    checks.equal("dark", await p.page.evaluate(() => getComputedStyle(document.body).colorScheme), "dark");
    await p.shot("4-answer-dark");
    await p.page.reload();
    checks.equal("the choice is kept", await p.page.evaluate(() => document.documentElement.dataset.theme), "dark");
  });

  await on("page: stop", {}, async p => {
    await p.ask("Tell me everything.");
    const begun = await until("some text", async () => (await p.lastAnswer()).length > 40 && p.lastAnswer());
    await p.page.click("#stop");
    await p.answered(5000);
    const stopped = await p.lastAnswer();
    checks.that("what came stays", stopped.length >= begun.length);
    checks.equal("it says so", await p.text(".note"), "Stopped.");
    await new Promise(resolve => setTimeout(resolve, 300));
    checks.equal("nothing more comes", await p.lastAnswer(), stopped);
    await until("the server is idle", async () => /^hadal_active_requests 0$/m.test(await (await fetch(`${server.url}metrics`)).text()), 5000);
    checks.that("the server stopped too", true);
  });

  await on("page: two answers side by side, and on with one of them", {}, async p => {
    await p.set("n", 2);
    await p.set("maxTokens", 120);
    await p.closeSettings();
    await p.ask("Two ways, please.");
    await p.answered(60_000);
    const answers = (await p.texts(".columns .message .body > .prose"));
    checks.that("two columns with different texts", answers.length === 2 && answers.every(a => a.length > 50) && answers[0] !== answers[1], answers);
    await p.shot("5-side-by-side");
    await p.page.click(".columns .message:nth-child(2) .choose");
    checks.equal("the second goes on", await p.lastAnswer(), answers[1]);
    await p.set("n", 1);
    await p.closeSettings();
    await p.ask("And then?");
    await p.answered(60_000);
    checks.equal("four messages", (await p.page.$$("#thread > .message")).length, 4);
  });

  await on("page: JSON mode and the server's refusals", { expectedErrors: ["status of 400"] }, async p => {
    await p.set("maxTokens", 60);
    await p.page.check("#set-json");
    await p.closeSettings();
    await p.ask("An object.");
    await p.answered(60_000);
    checks.that("an object begins", (await p.lastAnswer()).trimStart().startsWith("{"), await p.lastAnswer());
    await p.page.click("#new");
    await p.ask("deep ".repeat(9000));
    await p.answered(60_000);
    const note = await p.text(".note");
    checks.that("too long a prompt is refused in the server's words", /context|4,?096/.test(note) && note.endsWith("Try again"), note);
  });

  await on("page: on a phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: "dark" }, async p => {
    await p.page.tap("#open-settings");
    await p.page.fill("#set-maxTokens", "150");
    await p.shot("6-phone-settings");
    await p.page.tap("#close-settings");
    await p.page.fill("#prompt", "Hello from a phone.");
    await p.page.tap("#send");
    await p.answered(60_000);
    checks.that("answered", (await p.lastAnswer()).length > 50);
    checks.equal("nothing is wider than the screen", await p.page.evaluate(() => [document.documentElement.scrollWidth <= innerWidth, document.getElementById("scroller").scrollWidth <= innerWidth]), [true, true]);
    await p.shot("7-phone");
    await p.page.tap("#open-sidebar");
    checks.that("the list lies over the conversation", await p.page.isVisible("#shade"));
    await p.shot("8-phone-list");
    await p.page.tap("#conversations .title");
    checks.that("and goes when one is chosen", await p.page.isHidden("#sidebar"));
  });
}

/** The page before a model that thinks. */
export async function testThoughts(checks, browser, server) {
  await checks.step("page: thoughts of a model fold", () => withPage(browser, checks, server.url, {}, async p => {
    await p.set("temperature", 0);
    await p.closeSettings();
    await p.ask("Why?");
    await p.answered();
    checks.equal("thoughts and answer", [await p.text(".thinking .prose"), await p.lastAnswer(), await p.page.$eval(".thinking", e => e.open)], ["The sea is old.", "Because it is deep.", false]);
  }));
}

/** The page before a server that wants a key. */
export async function testKey(checks, browser, server, key) {
  await checks.step("page: a server with a key", () => withPage(browser, checks, server.url, { expectedErrors: ["status of 401"] }, async p => {
    await p.page.waitForSelector("#set-key:focus");
    await p.page.fill("#set-key", key);
    await p.page.press("#set-key", "Enter");
    await p.page.waitForFunction(id => document.getElementById("model").value === id, server.id);
    await p.set("maxTokens", 20);
    await p.closeSettings();
    await p.ask("Open.");
    await p.answered(60_000);
    checks.that("it answers", (await p.lastAnswer()).length > 0);
  }));
}
