// A server with the page's files and the same endpoints, which answers what a test tells it to: what a model can't be made to say
// (attacks, thoughts, formulas) and what a network does (cuts, delays). `node tests/e2e/mock.mjs` serves it to look at.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../src/Hadal.Server/wwwroot", import.meta.url));
const WEB_PAGE = new URL("../../src/Hadal.Server/WebPage.cs", import.meta.url);
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2" };

/**
 * Starts it on a free port.
 * @param respond Called with (body, attempt) for each completion; returns { status, headers, error } or
 *   { pieces: [{ reasoning } | { content } | { index, … }], delay, cut, usage, finish }.
 */
export async function startMock(respond, { models = [{ id: "mock", supports_chat: true }], key = null, port = 0 } = {}) {
  const policy = await contentSecurityPolicy();
  const requests = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    if (!path.startsWith("/v1/")) return file(path, response, policy);
    if (key !== null && request.headers.authorization !== `Bearer ${key}`) return fail(response, 401, "The API key is missing or wrong.");
    if (path === "/v1/models") return json(response, 200, { object: "list", data: models });
    let text = "";
    for await (const piece of request) text += piece;
    const body = JSON.parse(text);
    const seen = { path, body, closed: false };
    requests.push(seen);
    response.on("close", () => { seen.closed = !response.writableFinished; });
    try {
      await stream(response, await respond(body, requests.length - 1), body);
    } catch (error) {
      fail(response, 500, `The test's answer failed: ${error.message}`);
    }
  });
  await new Promise(resolve => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    requests,
    close: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections(); }),
  };
}

async function stream(response, answer, body) {
  if (answer.status) return fail(response, answer.status, answer.error, answer.headers);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  const chat = Array.isArray(body.messages), send = data => response.write(`data: ${JSON.stringify(data)}\n\n`);
  const chunk = choices => send({ id: "x", object: chat ? "chat.completion.chunk" : "text_completion", model: body.model, choices });
  for (const { index = 0, content, reasoning, error } of answer.pieces ?? []) {
    if (response.destroyed) return;
    if (error) send({ error: { message: error, type: "server_error" } });
    else if (chat) chunk([{ index, delta: reasoning === undefined ? { content } : { reasoning_content: reasoning }, finish_reason: null }]);
    else chunk([{ index, text: content, finish_reason: null }]);
    if (answer.delay) await new Promise(resolve => setTimeout(resolve, answer.delay));
  }

  // Without the chunk that ends a body; and not at once, for a browser forgets what came and was not read yet.
  if (answer.cut) return setTimeout(() => response.socket.end(), 500);
  for (let index = 0; index < (body.n ?? 1); index++) chunk([{ index, ...(chat ? { delta: {} } : { text: "" }), finish_reason: answer.finish ?? "stop" }]);
  const completion_tokens = (answer.pieces ?? []).length;
  send({ id: "x", choices: [], usage: answer.usage ?? { prompt_tokens: 12, completion_tokens, total_tokens: 12 + completion_tokens } });
  response.end("data: [DONE]\n\n");
}

function file(path, response, policy) {
  const name = normalize(join(ROOT, path === "/" ? "index.html" : path));
  if (!name.startsWith(ROOT) || !existsSync(name)) return fail(response, 404, `There is nothing at ${path}.`);
  response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "text/plain", "Content-Security-Policy": policy, "Cache-Control": "no-store" });
  createReadStream(name).pipe(response);
}

function json(response, status, value, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

const fail = (response, status, message, headers) => json(response, status, { error: { message, type: "invalid_request_error", param: null, code: null } }, headers);

// The policy that the real server sends, so that a page which breaks it breaks here too.
async function contentSecurityPolicy() {
  const { readFile } = await import("node:fs/promises");
  const source = await readFile(WEB_PAGE, "utf8");
  const [, expression] = /ContentSecurityPolicy =\s*((?:"[^"]*"[\s+]*)+);/.exec(source);
  return [...expression.matchAll(/"([^"]*)"/g)].map(match => match[1]).join("");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { showcase } = await import("./texts.mjs");
  const mock = await startMock(body => showcase(body), { models: [{ id: "hadal-tiny", supports_chat: true }, { id: "base", supports_chat: false }], port: 8099 });
  console.log(mock.url);
}
