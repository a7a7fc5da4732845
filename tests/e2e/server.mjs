// `hadal` itself: a tiny model trained for the occasion, and servers of it on free ports.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HADAL = process.env.HADAL ?? join(ROOT, "src/Hadal.Cli/bin/Release/net10.0", process.platform === "win32" ? "hadal.exe" : "hadal");

/** A folder that goes when the script ends. */
export const temporaryFolder = () => mkdtemp(join(tmpdir(), "hadal-e2e-"));

/** What the tool user may call, as OpenAI describes it. */
export const TOOL = {
  type: "function",
  function: { name: "sound", description: "Measures depth.", parameters: { type: "object", properties: { x: { type: "integer" } }, required: ["x"] } },
};

const ARCHITECTURE = {
  model_type: "deepseek_v3", num_attention_heads: 4, q_lora_rank: 96, kv_lora_rank: 48, qk_nope_head_dim: 24, qk_rope_head_dim: 16, v_head_dim: 32,
  intermediate_size: 512, first_k_dense_replace: 1, n_routed_experts: 8, n_shared_experts: 1, num_experts_per_tok: 2, moe_intermediate_size: 128,
  n_group: 1, topk_group: 1, routed_scaling_factor: 1.0, norm_topk_prob: true,
};

export const removeFolder = folder => rm(folder, { recursive: true, force: true });

/** Why no server can be started here; null if one can. */
export const whatIsMissing = () => (existsSync(HADAL) ? null : "There is no hadal: 'dotnet build -c Release' makes it.");

/**
 * Trains a model on the repository's own documents, with a vocabulary learnt from them and a chat template. It learns some words
 * and never to end a text, which is what a test of streaming and stopping wants. Only a little probability is left for the end: a
 * test that needs a text of a given length leaves it out by top-p.
 */
export async function trainRambler(folder) {
  const documents = ["README.md", ...(await readdir(join(ROOT, "docs"))).filter(f => f.endsWith(".md")).sort().map(f => `docs/${f}`)];
  const text = (await Promise.all(documents.map(f => readFile(join(ROOT, f), "utf8")))).join("\n\n");
  return train(join(folder, "rambler"), text, {
    tokenizer: { trainVocabSize: 768, chatTemplate: join(ROOT, "recipes/plain-chat.jinja") },
    model: { config: { ...ARCHITECTURE, hidden_size: 256, num_hidden_layers: 6, num_nextn_predict_layers: 1, max_position_embeddings: 4096 } },
    data: { addEos: false },
    steps: 30,
    objective: { mtpWeight: 0.1 },
  });
}

/**
 * Trains a model that has learnt a few conversations by heart: it calls a tool, answers with what the tool said, and thinks.
 * Its chat template is tools-chat.jinja.
 */
export function trainToolUser(folder) {
  const tools = `Tools: ${TOOL.function.name}\n\n`, asks = "User: How deep is it?\n\nAssistant:\n";
  const calls = `${asks}<tool_call>\n{"name": "sound", "arguments": {"x": 3}}\n</tool_call>`;
  const conversations = [tools + calls, tools + calls, tools + calls, `${tools}${calls}\n\nTool: 7 km\n\nAssistant:\nIt is 7 km deep.`, "User: Why?\n\nAssistant:\n<think>\nThe sea is old.\n</think>\n\nBecause it is deep."];
  return train(join(folder, "tool-user"), Array.from({ length: 30 }, () => conversations).flat().join("<|end|>"), {
    tokenizer: { trainVocabSize: 420, chatTemplate: fileURLToPath(new URL("tools-chat.jinja", import.meta.url)) },
    model: { config: { model_type: "llama", hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 384, max_position_embeddings: 512 } },
    data: { separator: "<|end|>" },
    batch: { packs: 4, sequenceLength: 256 },
    steps: 100,
    learningRate: { kind: "warmupStableDecay", peak: 1e-2, warmupSteps: 10, decayFraction: 0.5, finalRatio: 0.02 },
  });
}

async function train(folder, text, { data: { separator, ...data }, ...recipe }) {
  await mkdir(folder);
  const source = { path: join(folder, "text.txt"), ...(separator ? { separator } : {}) };
  await writeFile(source.path, text);
  await writeFile(join(folder, "recipe.json"), JSON.stringify({
    output: join(folder, "run"),
    seed: 1,
    data: { sources: [source], heldOutFraction: 0.05, ...data },
    batch: { packs: 4, sequenceLength: 128 },
    optimizer: { kind: "muon" },
    learningRate: { kind: "constant", peak: 1e-2, warmupSteps: 5 },
    evaluation: { every: 1000 },
    checkpoints: { every: 1000, keep: 1 },
    ...recipe,
  }));
  const training = spawn(HADAL, ["train", join(folder, "recipe.json"), "--plain"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [training.stdout, training.stderr]) stream.on("data", piece => { said += piece; });
  const code = await new Promise((resolve, reject) => { training.on("close", resolve); training.on("error", reject); });
  if (code !== 0) throw new Error(`hadal train ended with ${code}:\n${said.slice(-3000)}`);
  return join(folder, "run/model");
}

/** Starts `hadal serve` and waits until it is ready. */
export async function serve(model, ...options) {
  const server = spawn(HADAL, ["serve", model, "--port", "0", "--json", "--name", "hadal-tiny", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  server.stderr.on("data", piece => { errors += piece; });
  const exited = new Promise(resolve => server.on("close", code => resolve(code)));
  const stop = async () => {
    if (server.exitCode === null) server.kill("SIGTERM");
    const late = setTimeout(() => server.kill("SIGKILL"), 20_000);
    const code = await exited;
    clearTimeout(late);
    return { code, errors };
  };
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on("line", line => {
      if (line.startsWith("{")) resolve(JSON.parse(line));
    });
    server.on("error", reject);
    exited.then(code => reject(new Error(`hadal serve ended with ${code}:\n${errors.slice(-3000)}`)));
    setTimeout(() => reject(new Error(`hadal serve was not ready after two minutes:\n${errors.slice(-3000)}`)), 120_000).unref();
  });
  try {
    const { url, model: id } = await ready;
    return { url: url.endsWith("/") ? url : `${url}/`, id, stop, pid: server.pid };
  } catch (error) {
    await stop();
    throw error;
  }
}
