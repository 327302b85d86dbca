// A daemon of its own for a file of tests: free loopback ports, its state in a
// temporary folder, its settings in a file. It is the program as `make build`
// leaves it, started as an operator would start it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { freePort } from "./ports.mjs";

const BINARY = resolve(process.env.LATCHKEY_BINARY ?? fileURLToPath(new URL("../../bin/latchkey", import.meta.url)));

const READY_WITHIN = 15_000; // milliseconds
const ENDED_WITHIN = 20_000;
const ANSWER_WITHIN = 10_000;

const STARTS = 3; // another process may take a free port before the daemon does

/**
 * start runs a daemon. settings are laid over those that make it run here.
 * What comes back has:
 *
 *   origin    scheme, host and port that people type
 *   admin     the first account: {name, password}
 *   call      the JSON API, as ask below
 *   log()     what it has logged so far
 *   reload(s) other settings, while it runs
 *   stop()    ends it, and throws where it did not end well
 */
export async function start(settings = {}) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(settings);
    } catch (failure) {
      if (attempt === STARTS || !/address already in use/.test(failure.message)) throw failure;
    }
  }
}

async function launch(settings) {
  const folder = await mkdtemp(join(tmpdir(), "latchkey-browser-"));
  const [http, ops, ssh] = [await freePort(), await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${http}`;
  const own = {
    data_dir: join(folder, "data"),
    http: { listen: `127.0.0.1:${http}`, public_url: origin },
    ops: { listen: `127.0.0.1:${ops}` },
    ssh: { listen: `127.0.0.1:${ssh}`, public_address: `127.0.0.1:${ssh}` },
  };
  const file = join(folder, "latchkey.yaml");
  const configure = (s) => writeFile(file, JSON.stringify({ ...own, ...s, http: { ...own.http, ...s.http } }, null, 2));
  await configure(settings);

  const child = spawn(BINARY, ["serve", "-c", file], { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env: environment() });
  const kept = createWriteStream(join(folder, "daemon.log"));
  let logged = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      logged += text;
      kept.write(text);
    });
  }
  const ended = once(child, "exit").catch((failure) => [String(failure)]);
  const gone = ended.then(([code]) => {
    throw new Error(`the daemon ended with ${code} while it started:\n${logged}`);
  });
  gone.catch(() => {}); // it ends in stop as well, when nobody waits for this

  try {
    await Promise.race([gone, ready(`http://127.0.0.1:${ops}/readyz`, () => logged)]);
    const password = (await readFile(join(own.data_dir, "initial-admin-password"), "utf8")).trim();
    const admin = { name: "admin", password };
    return {
      origin,
      admin,
      folder,
      sshAddress: own.ssh.listen,
      log: () => logged,
      call: (options) => ask(origin, options),
      async reload(s) {
        const before = logged.length;
        await configure(s);
        child.kill("SIGHUP");
        await until(() => /reload|configuration/i.test(logged.slice(before)), "the daemon to read its settings again");
      },
      async stop() {
        child.kill("SIGTERM");
        const late = setTimeout(() => child.kill("SIGKILL"), ENDED_WITHIN);
        const [code, signal] = await ended;
        clearTimeout(late);
        kept.end();
        await rm(folder, { recursive: true, force: true });
        if (code !== 0) throw new Error(`the daemon ended with ${signal ?? code}:\n${logged}`);
        if (/panic|DATA RACE/.test(logged)) throw new Error(`the daemon panicked:\n${logged}`);
      },
    };
  } catch (failure) {
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
    throw failure;
  }
}

// environment is ours without settings that were meant for another daemon.
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("LATCHKEY_")));
}

async function ready(url, logged) {
  await until(async () => (await fetch(url).catch(() => null))?.ok, () => `the daemon to be ready:\n${logged()}`, READY_WITHIN);
}

/** until asks again and again whether something holds, and gives up in time. */
export async function until(holds, what, within = ANSWER_WITHIN) {
  const end = Date.now() + within;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${within} ms for ${typeof what === "function" ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/**
 * ask is one request to the JSON API by as ({name, password}, {token}, or
 * nobody). It throws on any other status than expect; 0 takes any.
 */
async function ask(origin, { as, method = "GET", path, body, headers = {}, expect }) {
  const all = { ...headers };
  if (as?.token) all.Authorization = `Bearer ${as.token}`;
  else if (as) all.Authorization = `Basic ${Buffer.from(`${as.name}:${as.password}`).toString("base64")}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const answer = await fetch(`${origin}/-/api/v1${path}`, {
    method,
    headers: all,
    body: body === undefined ? undefined : JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(ANSWER_WITHIN),
  });
  const text = await answer.text();
  const good = expect === undefined ? answer.ok : expect === 0 || expect === answer.status;
  if (!good) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return { status: answer.status, headers: answer.headers, body: text === "" ? null : JSON.parse(text) };
}
