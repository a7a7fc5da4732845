// The parts of the page that need no browser.
import { isDeepStrictEqual } from "node:util";
import { EventParser } from "../../src/Hadal.Server/wwwroot/js/sse.js";
import * as tree from "../../src/Hadal.Server/wwwroot/js/conversation.js";
import { parseSettings, read, requestFields } from "../../src/Hadal.Server/wwwroot/js/settings.js";

export async function testUnits(checks) {
  await checks.step("events are the same wherever the stream is cut, with every kind of line end", () => {
    const expected = ["one", "two\nlines", "", "{\"a\": \"ü😀\"}", " kept"];
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = ["\ufeff: comment", "data: one", "", "event: x", "data: two", "data:lines", "id: 7", "", "data", "", "retry: 10", "", "data: {\"a\": \"ü😀\"}", "", "data:  kept", "", "data: never ended"].join(end);
      for (let i = 0; i <= text.length; i++) {
        for (let j = i; j <= text.length; j += 7) {
          const parser = new EventParser();
          const got = [text.slice(0, i), text.slice(i, j), text.slice(j)].flatMap(piece => parser.push(piece));
          if (JSON.stringify(got) !== JSON.stringify(expected)) return checks.equal(`cut at ${i} and ${j}, ends ${JSON.stringify(end)}`, got, expected);
        }
      }
    }

    checks.that("all cuts", true);
    const mixed = new EventParser();
    checks.equal("line ends of all kinds in one stream", [..."data: a\r\n\rdata: b\n\ndata: c\r\r\n"].flatMap(c => mixed.push(c)), ["a", "b", "c"]);
  });

  await checks.step("a conversation is a tree", () => {
    const c = tree.newConversation(), contents = () => tree.path(c).map(m => m.content);
    const q = tree.add(c, "root", "user", { content: "  What\n is it? " + "x".repeat(80) });
    checks.that("the title comes from the first message, in one line, cut", c.title.startsWith("What is it? xxx") && c.title.length <= 58 && c.title.endsWith("…"), c.title);
    const a1 = tree.add(c, q.id, "assistant", { content: "A1", finish: "stop" });
    const more = tree.add(c, a1.id, "user", { content: "more" });
    tree.add(c, q.id, "assistant", { content: "A2", finish: "stop" });
    checks.equal("another answer is shown, and what followed the first is not", contents().slice(1), ["A2"]);
    tree.select(c, a1.id);
    checks.equal("going back brings it back", contents().slice(1), ["A1", "more"]);
    checks.equal("up to a message", tree.upTo(c, more.id).map(m => m.content).slice(1), ["A1", "more"]);
    checks.equal("messages for the endpoint", tree.chatMessages([{ role: "user", content: "q" }, { role: "assistant", content: "", error: "x" }], "be kind"), [{ role: "system", content: "be kind" }, { role: "user", content: "q" }]);
    checks.equal("a blank system prompt is none", tree.chatMessages([{ role: "user", content: "q" }], "  "), [{ role: "user", content: "q" }]);
    const again = tree.readConversation(JSON.parse(JSON.stringify(c)));
    checks.that("what is saved comes back", isDeepStrictEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(c))));
  });

  await checks.step("a file that is no conversation is refused by a sentence", () => {
    const good = () => {
      const c = tree.newConversation();
      tree.add(c, "root", "user", { content: "q" });
      return JSON.parse(JSON.stringify(c));
    };
    const edits = {
      "no object": () => [1],
      "null": () => null,
      "no nodes": c => ({ ...c, nodes: undefined }),
      "no root": c => ({ ...c, nodes: {} }),
      "a cycle": c => { const [id] = c.nodes.root.children; c.nodes[id].children = [id]; return c; },
      "a cycle to the root": c => { const [id] = c.nodes.root.children; c.nodes[id].children = ["root"]; return c; },
      "a child that is missing": c => { c.nodes.root.children.push("x"); return c; },
      "a child from the prototype": c => { c.nodes.root.children = ["constructor"]; return c; },
      "a role that is none": c => { c.nodes[c.nodes.root.children[0]].role = "root"; return c; },
      "content that is no text": c => { c.nodes[c.nodes.root.children[0]].content = { toString: 1 }; return c; },
      "children that are no ids": c => { c.nodes.root.children = [7]; return c; },
      "a title that is no text": c => ({ ...c, title: 7 }),
      "very many messages": c => { for (let i = 0; i < 20_010; i++) { c.nodes[`n${i}`] = { role: "user", content: "", children: [] }; c.nodes.root.children.push(`n${i}`); } return c; },
    };
    for (const [what, edit] of Object.entries(edits)) {
      let message = null;
      try {
        tree.readConversation(edit(good()));
      } catch (error) {
        message = error instanceof TypeError ? null : error.message;
      }

      checks.that(`${what} is refused`, message !== null);
    }

    const hostile = good();
    Object.defineProperty(hostile.nodes, "__proto__", { value: { role: "user", content: "p", children: [] }, enumerable: true, configurable: true });
    hostile.nodes.root.children.push("__proto__");
    tree.readConversation(JSON.parse(JSON.stringify(hostile)));
    checks.that("a message named __proto__ changes no prototype", {}.role === undefined);
    const odd = good();
    odd.nodes.root.selected = 99;
    checks.equal("a selection outside the children is drawn in", tree.path(tree.readConversation(odd)).length, 1);
  });

  await checks.step("settings take what is in their bounds and nothing else", () => {
    checks.equal("numbers, with a comma too", [read("temperature", "0,7"), read("topK", " 40 "), read("topP", 0.5)], [0.7, 40, 0.5]);
    for (const [name, value] of [["temperature", "2.1"], ["temperature", "x"], ["topK", "4.5"], ["n", "0"], ["n", [2]], ["seed", "-1"], ["seed", "Infinity"], ["json", "true"], ["system", 7]]) {
      checks.that(`${name} can't be ${JSON.stringify(value)}`, read(name, value) === undefined);
    }

    checks.equal("an empty field leaves the choice to the server, or to the beginning", [read("temperature", ""), read("seed", " "), read("n", "")], [null, null, 1]);
    checks.equal("what is kept may be anything", parseSettings("{\"n\": 99, \"temperature\": \"<b>\", \"topP\": 0.5, \"json\": 1, \"system\": \"s\"}"), { ...parseSettings(null), topP: 0.5, system: "s" });
    checks.equal("broken text is as at the beginning", parseSettings("{"), parseSettings(null));
    checks.equal("nothing set, nothing sent", requestFields(parseSettings(null), true), {});
    checks.equal("what is set is sent", requestFields({ ...parseSettings(null), temperature: 0, topK: 3, minP: 0.1, n: 2, json: true }, true), { temperature: 0, top_k: 3, min_p: 0.1, n: 2, response_format: { type: "json_object" } });
    checks.equal("JSON mode is for chats", requestFields({ ...parseSettings(null), json: true }, false), {});
  });
}
