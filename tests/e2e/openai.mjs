// OpenAI's own client for node against `hadal serve`, as its documentation shows it and without workarounds.
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from "openai";
import { until } from "./checks.mjs";
import { TOOL } from "./server.mjs";

const SAY = [{ role: "user", content: "Say something about kernels." }];

/**
 * @param open A server without key: { url, id }.
 * @param guarded A server with the key "sesame" that decodes one sequence and lets one request wait.
 * @param toolUser A server of the model that calls tools and thinks.
 */
export async function testOpenAi(checks, open, guarded, toolUser) {
  const client = new OpenAI({ baseURL: `${open.url}v1`, apiKey: "unused", maxRetries: 0 });
  // The nucleus leaves out what the model has never seen: the end of a text.
  const model = open.id, chat = body => client.chat.completions.create({ model, messages: SAY, max_tokens: 24, seed: 7, top_p: 0.9, ...body });
  const collect = async stream => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  const text = (chunks, index = 0) => chunks.flatMap(c => c.choices).filter(c => c.index === index).map(c => c.delta.content ?? "").join("");

  await checks.step("openai: models", async () => {
    const { data } = await client.models.list();
    checks.equal("the list", data.map(m => [m.id, m.object]), [[model, "model"]]);
    checks.equal("one of them", (await client.models.retrieve(model)).id, model);
    await checks.rejects("one that is not there", client.models.retrieve("gpt-9"), e => e instanceof NotFoundError && e.status === 404);
  });

  await checks.step("openai: chat", async () => {
    const answer = await chat();
    checks.equal("one choice of the assistant's", answer.choices.map(c => [c.index, c.message.role, typeof c.message.content, c.finish_reason]), [[0, "assistant", "string", "length"]]);
    checks.equal("usage adds up", [answer.usage.completion_tokens, answer.usage.total_tokens], [24, answer.usage.prompt_tokens + 24]);
    checks.equal("the same seed, the same answer", (await chat()).choices[0].message.content, answer.choices[0].message.content);
    checks.that("another seed, another answer", (await chat({ seed: 8 })).choices[0].message.content !== answer.choices[0].message.content);
    const greedy = await Promise.all([1, 2, 3, 4].map(seed => chat({ temperature: 0, seed })));
    checks.equal("greedy has no seed, and no neighbours", new Set(greedy.map(a => a.choices[0].message.content)).size, 1);
    const talk = await chat({ messages: [{ role: "system", content: "Be brief." }, { role: "user", content: [{ type: "text", text: "one" }] }, { role: "assistant", content: "two" }, { role: "user", content: "three" }], max_tokens: undefined, max_completion_tokens: 3 });
    checks.equal("a longer conversation, with parts", talk.usage.completion_tokens, 3);
  });

  await checks.step("openai: streaming", async () => {
    const whole = await chat(), chunks = await collect(await chat({ stream: true, stream_options: { include_usage: true } }));
    checks.that("it comes in pieces", chunks.length > 10, chunks.length);
    checks.equal("which make the same answer", text(chunks), whole.choices[0].message.content);
    checks.equal("the role comes first, the reason last", [chunks[0].choices[0].delta.role, chunks.findLast(c => c.choices.length > 0).choices[0].finish_reason], ["assistant", "length"]);
    checks.equal("usage comes at the end", [chunks.at(-1).choices.length, chunks.at(-1).usage.completion_tokens], [0, 24]);
    checks.that("no usage unasked", (await collect(await chat({ stream: true }))).every(c => !c.usage));
    const helper = client.chat.completions.stream({ model, messages: SAY, max_tokens: 24, seed: 7, top_p: 0.9 });
    checks.equal("the client's helper", await helper.finalContent(), whole.choices[0].message.content);
    const times = [], slow = await chat({ stream: true, max_tokens: 200 });
    for await (const _ of slow) times.push(performance.now());
    checks.that("pieces arrive as they are made", times.at(-1) - times[0] > 20 && new Set(times.map(t => Math.round(t))).size > 10, times.at(-1) - times[0]);
  });

  await checks.step("openai: n = 4", async () => {
    const four = await chat({ n: 4 });
    checks.equal("four choices", four.choices.map(c => c.index), [0, 1, 2, 3]);
    checks.that("not all the same", new Set(four.choices.map(c => c.message.content)).size > 1);
    checks.equal("their tokens are counted together", four.usage.completion_tokens, 96);
    const chunks = await collect(await chat({ n: 4, stream: true }));
    checks.equal("streamed they are the same four", [0, 1, 2, 3].map(i => text(chunks, i)), four.choices.map(c => c.message.content));
    checks.equal("the first is what one alone would be", four.choices[0].message.content, (await chat()).choices[0].message.content);
  });

  await checks.step("openai: log-probabilities", async () => {
    const { choices: [choice] } = await chat({ temperature: 0, logprobs: true, top_logprobs: 3 });
    const tokens = choice.logprobs.content;
    checks.equal("one for each token", tokens.length, 24);
    const bytes = Buffer.from(tokens.flatMap(t => t.bytes ?? [...Buffer.from(t.token)]));
    checks.equal("their bytes are the answer", bytes.toString(), choice.message.content);
    checks.that("alternatives are sorted, and probabilities", tokens.every(t => t.top_logprobs.length === 3 && t.top_logprobs.every((a, i, all) => a.logprob <= 0 && (i === 0 || all[i - 1].logprob >= a.logprob))));
    checks.that("greedy takes the best", tokens.every(t => t.logprob === t.top_logprobs[0].logprob));
    const streamed = (await collect(await chat({ temperature: 0, logprobs: true, top_logprobs: 3, stream: true }))).flatMap(c => c.choices).flatMap(c => c.logprobs?.content ?? []);
    checks.equal("streamed, the same", streamed.map(t => [t.token, t.logprob]), tokens.map(t => [t.token, t.logprob]));
    checks.equal("without alternatives", (await chat({ logprobs: true })).choices[0].logprobs.content.every(t => t.top_logprobs.length === 0), true);
  });

  const schema = {
    type: "object",
    properties: {
      depth: { type: "integer", minimum: 0, maximum: 9 },
      zone: { enum: ["abyssal", "hadal"] },
      explored: { type: "boolean" },
      trench: { type: "object", properties: { name: { type: "string", maxLength: 12 } }, required: ["name"], additionalProperties: false },
    },
    required: ["depth", "zone", "explored", "trench"],
    additionalProperties: false,
  };
  await checks.step("openai: json_schema and json_object", async () => {
    const format = { type: "json_schema", json_schema: { name: "place", strict: true, schema } };
    for (const seed of [1, 2, 3]) {
      const { choices: [choice] } = await chat({ seed, max_tokens: 400, response_format: format });
      const value = JSON.parse(choice.message.content);
      checks.that(`seed ${seed} gives what the schema asks for`, holds(value) && choice.finish_reason === "stop", choice);
    }

    const parsed = await client.chat.completions.parse({ model, messages: SAY, seed: 4, max_tokens: 400, response_format: format });
    checks.that("the client's parse helper takes it", holds(JSON.parse(parsed.choices[0].message.content)));
    const streamed = text(await collect(await chat({ seed: 1, max_tokens: 400, response_format: format, stream: true })));
    checks.that("streamed too", holds(JSON.parse(streamed)), streamed);
    const { choices: [any] } = await chat({ response_format: { type: "json_object" }, max_tokens: 1500, temperature: 0.7 });
    if (any.finish_reason === "stop") checks.that("json_object gives an object", JSON.parse(any.message.content) !== null && typeof JSON.parse(any.message.content) === "object", any.message.content);
    else checks.that("json_object begins an object, and is cut only by the limit", any.finish_reason === "length" && any.message.content.trimStart().startsWith("{"), any);
    await checks.rejects("a schema that is none", chat({ response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "nonsense" } } } }), e => e instanceof BadRequestError);

    function holds(v) {
      return Object.keys(v).sort().join() === "depth,explored,trench,zone" && Number.isInteger(v.depth) && v.depth >= 0 && v.depth <= 9 && ["abyssal", "hadal"].includes(v.zone)
        && typeof v.explored === "boolean" && Object.keys(v.trench).join() === "name" && typeof v.trench.name === "string" && [...v.trench.name].length <= 12;
    }
  });

  await checks.step("openai: stop", async () => {
    const whole = (await chat({ temperature: 0, max_tokens: 60 })).choices[0].message.content;
    for (const at of [5, 17, 31]) {
      const stop = whole.slice(at, at + 4), { choices: [choice] } = await chat({ temperature: 0, max_tokens: 60, stop });
      checks.equal(`the text ends before ${JSON.stringify(stop)}`, [choice.message.content, choice.finish_reason], [whole.slice(0, whole.indexOf(stop)), "stop"]);
      const streamed = await collect(await chat({ temperature: 0, max_tokens: 60, stop: ["\u0000never", stop], stream: true }));
      checks.equal("streamed, nothing of it was sent", text(streamed), whole.slice(0, whole.indexOf(stop)));
    }
  });

  await checks.step("openai: completions", async () => {
    const { choices } = await client.completions.create({ model, prompt: "The kernels", max_tokens: 16, seed: 3, top_p: 0.9, n: 2 });
    checks.equal("two texts", choices.map(c => [c.index, typeof c.text, c.finish_reason]), [[0, "string", "length"], [1, "string", "length"]]);
    const parts = await collect(await client.completions.create({ model, prompt: "The kernels", max_tokens: 16, seed: 3, top_p: 0.9, stream: true }));
    checks.equal("streamed, the first", parts.map(c => c.choices[0]?.text ?? "").join(""), choices[0].text);
    const many = await client.completions.create({ model, prompt: ["The kernels", "The page"], max_tokens: 4, temperature: 0 });
    checks.equal("two prompts", many.choices.length, 2);
  });

  await checks.step("openai: embeddings", async () => {
    const { data } = await client.embeddings.create({ model, input: ["deep sea", "deep sea", "kernels"] });
    const [a, b, c] = data.map(d => d.embedding);
    checks.equal("three vectors of one length", data.map(d => [d.index, d.embedding.length === a.length && a.length > 0]), [[0, true], [1, true], [2, true]]);
    checks.that("the same text has the same", a.every((x, i) => x === b[i]) && a.some((x, i) => x !== c[i]) && a.every(Number.isFinite));
    const floats = await client.embeddings.create({ model, input: "deep sea", encoding_format: "float" });
    checks.that("as numbers too", floats.data[0].embedding.every((x, i) => Math.abs(x - a[i]) <= 1e-6 * Math.max(1, Math.abs(a[i]))));
  });

  await checks.step("openai: tools and thoughts, of a model that has learnt them", async () => {
    const caller = new OpenAI({ baseURL: `${toolUser.url}v1`, apiKey: "unused", maxRetries: 0 });
    const talk = body => caller.chat.completions.create({ model: toolUser.id, temperature: 0, max_tokens: 100, ...body });
    const tools = [TOOL], question = { role: "user", content: "How deep is it?" };
    const { choices: [choice] } = await talk({ messages: [question], tools });
    const [call] = choice.message.tool_calls ?? [];
    checks.equal("it calls the tool", [choice.finish_reason, call?.type, call?.function.name, JSON.parse(call?.function.arguments ?? "null")], ["tool_calls", "function", "sound", { x: 3 }]);
    const said = await talk({ messages: [question, choice.message, { role: "tool", tool_call_id: call.id, content: "7 km" }], tools });
    checks.equal("and goes on with what the tool said", [said.choices[0].message.content, said.choices[0].finish_reason], ["It is 7 km deep.", "stop"]);
    const streamed = await caller.chat.completions.stream({ model: toolUser.id, temperature: 0, max_tokens: 100, messages: [question], tools }).finalChatCompletion();
    checks.equal("streamed, the same call", streamed.choices[0].message.tool_calls.map(c => [c.function.name, JSON.parse(c.function.arguments)]), [["sound", { x: 3 }]]);
    const runner = caller.chat.completions.runTools({
      model: toolUser.id, temperature: 0, max_tokens: 100, messages: [question],
      tools: [{ type: "function", function: { ...TOOL.function, parse: JSON.parse, function: ({ x }) => `${x + 4} km` } }],
    });
    checks.equal("the client's own loop runs the tool and ends", await runner.finalContent(), "It is 7 km deep.");
    const none = await talk({ messages: [question], tools, tool_choice: "none" });
    checks.equal("with tool_choice none it has no calls", none.choices[0].message.tool_calls ?? [], []);
    const thought = await talk({ messages: [{ role: "user", content: "Why?" }] });
    checks.equal("thoughts are apart", [thought.choices[0].message.reasoning_content, thought.choices[0].message.content], ["The sea is old.", "Because it is deep."]);
    checks.that("and counted", thought.usage.completion_tokens_details.reasoning_tokens > 0, thought.usage);
    await checks.rejects("a template without tools says so", chat({ tools }), e => e instanceof BadRequestError && /tool/.test(e.message));
    await checks.rejects("a tool without a name", chat({ tools: [{ type: "function", function: {} }] }), e => e instanceof BadRequestError && /tools\[0\]/.test(e.message));
  });

  await checks.step("openai: a client that leaves stops the work", async () => {
    const stream = await chat({ stream: true, max_tokens: 3500 });
    let pieces = 0, failure = null;
    try {
      for await (const _ of stream) if (++pieces === 5) stream.controller.abort();
    } catch (error) {
      failure = error;
    }

    checks.that("the client's own end", pieces < 3500 && (failure === null || failure instanceof APIUserAbortError), String(failure));
    await until("no request is left", async () => /^hadal_active_requests 0$/m.test(await (await fetch(`${open.url}metrics`)).text()), 5000);
    checks.that("the server is idle again at once", true);
  });

  await checks.step("openai: errors", async () => {
    const wrong = new OpenAI({ baseURL: `${guarded.url}v1`, apiKey: "wrong", maxRetries: 0 });
    await checks.rejects("401", wrong.models.list(), e => e instanceof AuthenticationError && e.status === 401 && e.message.length > 10);
    await checks.rejects("404 for a model that is not there", chat({ model: "gpt-9" }), e => e instanceof NotFoundError && e.code === "model_not_found");
    for (const [what, body, param] of [
      ["a temperature out of bounds", { temperature: -1 }, "temperature"],
      ["no messages", { messages: [] }, "messages"],
      ["a role that is none", { messages: [{ role: "wizard", content: "x" }] }, "messages"],
      ["n of 0", { n: 0 }, "n"],
      ["top_logprobs alone", { top_logprobs: 3 }, "top_logprobs"],
      ["a format that is none", { response_format: { type: "xml" } }, "response_format"],
    ]) {
      await checks.rejects(`400 for ${what}`, chat(body), e => e instanceof BadRequestError && e.type === "invalid_request_error" && (e.param ?? "").startsWith(param));
    }

    await checks.rejects("400 for a prompt longer than the context", chat({ messages: [{ role: "user", content: "deep ".repeat(9000) }] }), e => e instanceof BadRequestError && /4,?096|context/.test(e.message));
    const busy = new OpenAI({ baseURL: `${guarded.url}v1`, apiKey: "sesame", maxRetries: 0 });
    const many = await Promise.allSettled(Array.from({ length: 8 }, () => busy.chat.completions.create({ model: guarded.id, messages: SAY, max_tokens: 300, seed: 1 })));
    const done = many.filter(r => r.status === "fulfilled"), refused = many.filter(r => r.status === "rejected").map(r => r.reason);
    checks.that("429 for some of eight at once, an answer for the others", done.length >= 1 && refused.length >= 1 && refused.every(e => e instanceof RateLimitError && Number(e.headers.get("retry-after")) >= 1), refused.map(String));
    checks.equal("those that got one got the same", new Set(done.map(r => r.value.choices[0].message.content)).size, 1);
    const patient = new OpenAI({ baseURL: `${guarded.url}v1`, apiKey: "sesame", maxRetries: 10 });
    const all = await Promise.all(Array.from({ length: 6 }, () => patient.chat.completions.create({ model: guarded.id, messages: SAY, max_tokens: 20 })));
    checks.equal("the client's own retries get everyone through", all.length, 6);
  });
}
