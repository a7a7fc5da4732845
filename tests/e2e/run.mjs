// The end-to-end tests: `npm ci` here once, `dotnet build -c Release` above, then `node tests/e2e/run.mjs`.
// The last line counts the checks; the exit code is 0 if all hold. Screenshots go to artifacts/e2e.
const parts = process.argv.slice(2); // of: units, faults, page, openai; none means all
const wanted = part => parts.length === 0 || parts.includes(part);

let modules;
try {
  modules = await Promise.all(["checks", "units", "browser", "faults", "server", "page", "openai"].map(name => import(`./${name}.mjs`)));
} catch (error) {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  console.log(`The packages of tests/e2e are missing: 'npm ci' in that folder brings them (${error.message.split("\n")[0]}).`);
  process.exit(1);
}

const [{ Checks }, { testUnits }, browsers, { testFaults }, hadal, { testKey, testPage, testThoughts }, { testOpenAi }] = modules;
const checks = new Checks(), ending = [];
const missing = [
  (wanted("faults") || wanted("page")) && browsers.whatIsMissing(),
  (wanted("openai") || wanted("page")) && hadal.whatIsMissing(),
].find(Boolean);
if (missing) {
  console.log(missing);
  process.exit(1);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => end().then(() => process.exit(130)));
let ended;
const end = () => (ended ??= (async () => {
  while (ending.length > 0) await ending.pop()().catch(error => console.log(`  while ending: ${error.message}`));
})());

try {
  if (wanted("units")) await testUnits(checks);
  let browser = null;
  if (wanted("faults") || wanted("page")) {
    browser = await browsers.launch();
    ending.push(() => browser.close());
  }

  if (wanted("faults")) await testFaults(checks, browser);
  if (wanted("page") || wanted("openai")) {
    const folder = await hadal.temporaryFolder();
    ending.push(() => hadal.removeFolder(folder));
    let rambler, user;
    await checks.step("train two tiny models", async () => {
      rambler = await hadal.trainRambler(folder);
      user = await hadal.trainToolUser(folder);
    });
    const servers = [];
    await checks.step("serve them", async () => {
      for (const [model, ...options] of [[rambler], [rambler, "--api-key", "sesame", "--max-running", "1", "--max-queued", "1"], [user]]) {
        servers.push(await hadal.serve(model, ...options));
        ending.push(servers.at(-1).stop);
      }
    });
    const [open, guarded, toolUser] = servers;
    if (toolUser) {
      if (wanted("page")) {
        await testPage(checks, browser, open);
        await testKey(checks, browser, guarded, "sesame");
        await testThoughts(checks, browser, toolUser);
      }

      if (wanted("openai")) await testOpenAi(checks, open, guarded, toolUser);
      await checks.step("the servers end when they are told to, and had nothing to complain of", async () => {
        for (const server of servers) {
          const { code, errors } = await server.stop();
          checks.equal("exit code", code, 0);
          checks.that("no errors in the log", !/\b(fail|crit|error|unhandled)\b/i.test(errors), errors.slice(-1500));
        }
      });
    }
  }
} catch (error) {
  checks.failed++;
  console.log(error.stack ?? error);
} finally {
  await end();
}

console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exit(checks.failed === 0 ? 0 : 1);
