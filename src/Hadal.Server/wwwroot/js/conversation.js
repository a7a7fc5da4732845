// A conversation is a tree: editing a message or drawing another answer adds a sibling, and `selected` says at each node which
// child the conversation goes on with. Nothing here touches the page, so node runs it in the tests.

const ROOT = "root";
const ROLES = ["user", "assistant"];
const FINISHES = ["stop", "length", "stopped", "lost", "error", "tool_calls"];
const MOST_NODES = 20_000;

/** A new id. crypto.randomUUID exists only on https and localhost; this page also serves phones on the local network. */
export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(16).padStart(2, "0")).join("");

export function newConversation() {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, comparing: null, nodes: { [ROOT]: { id: ROOT, children: [], selected: 0 } } };
}

export const isEmpty = conversation => conversation.nodes[ROOT].children.length === 0;

/** The messages that are shown, from the first to the last. */
export function path(conversation) {
  const messages = [];
  for (let node = conversation.nodes[ROOT]; node.children.length > 0;) {
    node = conversation.nodes[node.children[node.selected]];
    messages.push(node);
  }

  return messages;
}

/** The id under which the next message goes. */
export const leaf = conversation => path(conversation).at(-1)?.id ?? ROOT;

/** The messages up to one, itself included. */
export function upTo(conversation, id) {
  const messages = [];
  for (let node = conversation.nodes[id]; node.id !== ROOT; node = conversation.nodes[node.parent]) messages.unshift(node);
  return messages;
}

/** Adds a message as the selected child of `parent`. */
export function add(conversation, parent, role, fields) {
  const node = { id: newId(), parent, children: [], selected: 0, role, content: "", ...fields };
  const siblings = conversation.nodes[parent];
  conversation.nodes[node.id] = node;
  siblings.children.push(node.id);
  siblings.selected = siblings.children.length - 1;
  conversation.updated = Date.now();
  if (role === "user" && conversation.title === "") conversation.title = titleOf(node.content);
  return node;
}

/** Goes on with this message at the place where it and its siblings stand. */
export function select(conversation, id) {
  const parent = conversation.nodes[conversation.nodes[id].parent];
  parent.selected = parent.children.indexOf(id);
}

export const siblings = (conversation, node) => conversation.nodes[node.parent].children.map(id => conversation.nodes[id]);

/** A title from what the user said first. */
export function titleOf(text) {
  const line = text.trim().split(/\s+/u).join(" ");
  return line.length <= 60 ? line : `${line.slice(0, 57).replace(/[\ud800-\udbff]$/u, "").trimEnd()}…`;
}

/** What the endpoint is told of the messages. An answer that never began is left out. */
export function chatMessages(messages, system) {
  const said = messages.filter(m => m.role !== "assistant" || m.content !== "").map(m => ({ role: m.role, content: m.content }));
  return system.trim() === "" ? said : [{ role: "system", content: system }, ...said];
}

/** The text that a model without chat template is to continue. */
export const plainText = messages => messages.map(m => m.content).join("");

/** A conversation from a parsed file, which may hold anything: what is unknown is dropped, what is broken is said. */
export function readConversation(value) {
  const fail = what => { throw new Error(what); };
  const object = (v, what) => (v !== null && typeof v === "object" && !Array.isArray(v) ? v : fail(`${what} is no object`));
  const text = (v, what) => (typeof v === "string" ? v : fail(`${what} is no text`));
  const time = v => (typeof v === "number" && Number.isFinite(v) ? v : Date.now());
  const from = object(value, "a conversation"), given = object(from.nodes, "'nodes'");
  if (!Object.hasOwn(given, ROOT)) fail("'nodes' has no 'root'");

  const nodes = Object.create(null), waiting = [[ROOT, null]];
  for (let count = 0; waiting.length > 0; count++) {
    const [id, parent] = waiting.pop();
    if (count > MOST_NODES) fail(`there are more than ${MOST_NODES} messages`);
    if (Object.hasOwn(nodes, id)) fail(`message '${id}' stands in two places`);
    if (!Object.hasOwn(given, id)) fail(`message '${id}' is missing`);
    const node = object(given[id], `message '${id}'`), children = node.children;
    if (!Array.isArray(children) || children.some(c => typeof c !== "string")) fail(`the children of message '${id}' are no list of ids`);
    const last = Math.max(0, children.length - 1);
    const selected = Number.isInteger(node.selected) ? Math.min(Math.max(node.selected, 0), last) : last;
    nodes[id] = id === ROOT ? { id, children, selected } : { ...message(node, id), parent, children, selected };
    for (const child of children) waiting.push([child, id]);
  }

  const comparing = typeof from.comparing === "string" && Object.hasOwn(nodes, from.comparing) ? from.comparing : null;
  return { id: text(from.id, "'id'"), title: text(from.title, "'title'"), created: time(from.created), updated: time(from.updated), comparing, nodes };

  function message(node, id) {
    const read = { id, role: ROLES.includes(node.role) ? node.role : fail(`message '${id}' has no role`), content: text(node.content, `message '${id}'`) };
    if (typeof node.reasoning === "string" && node.reasoning !== "") read.reasoning = node.reasoning;
    if (typeof node.model === "string") read.model = node.model;
    if (FINISHES.includes(node.finish)) read.finish = node.finish;
    if (typeof node.error === "string") read.error = node.error;
    if (Number.isFinite(node.thoughtMs)) read.thoughtMs = node.thoughtMs;
    if (node.stats !== null && typeof node.stats === "object") {
      read.stats = Object.fromEntries(Object.entries(node.stats).filter(([, number]) => Number.isFinite(number)));
    }

    // An answer that was being written when the page was closed.
    if (read.role === "assistant" && !read.finish) read.finish = "lost";
    return read;
  }
}
