// browser.mjs: two browsers and an nc talk to each other through a hub, whose page is looked at with a real browser.
//
// needs: chromium netcat-openbsd
//
// playwright-core, from npm, drives chromium; it is installed beside this file when it is missing. Nothing here sleeps:
// every step waits for what it expects to see, 10 seconds at most. The pictures go to the build folder; with
// COIR_SCREENSHOT in the environment one of them becomes docs/screenshot.png.

import { spawn, spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");
const build = resolve(root, process.env.COIR_BUILD ?? "build");
const coir = process.env.COIR ?? join(build, "coir");
const chromiumPath = process.env.COIR_CHROMIUM ?? "/usr/bin/chromium";
const patience = 10000;
const children = [];

function skip(why) {
  console.log(`SKIP: ${why}`);
  process.exit(77);
}

async function loadPlaywright() {
  if (!existsSync(join(here, "node_modules/playwright-core"))) {
    const options = { cwd: here, stdio: "inherit" };
    const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], options);
    if (npm.error) skip("npm is not here");
    if (npm.status !== 0) throw new Error("npm could not install playwright-core");
  }
  return import("playwright-core");
}

// ---- programs ----

// A program whose lines can be waited for.
function start(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((done) => child.on("exit", (code) => done(code)));
  children.push(child);
  return {
    tell: (text) => child.stdin.write(`${text}\n`),
    kill: (signal) => child.kill(signal),
    ended,
    async hear(expected) {
      const line = await within(lines.next(), `${command} to say ${expected}`);
      if (expected instanceof RegExp) {
        assert.match(line.value ?? "", expected);
        return expected.exec(line.value);
      }
      assert.equal(line.value, expected);
      return null;
    },
  };
}

async function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited in vain for ${what}`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function startHub(...args) {
  const hub = start(coir, ["hub", "--log", "warn", ...args]);
  hub.chatPort = (await hub.hear(/^chat {2}tcp:\/\/127\.0\.0\.1:(\d+) /))[1];
  hub.webPort = (await hub.hear(/^web {3}http:\/\/127\.0\.0\.1:(\d+)\/ /))[1];
  await hub.hear(/^coir hub /);
  return hub;
}

// ---- pages ----

const complaints = [];

async function open(browser, hub, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 640 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${hub.webPort}/`);
  return page;
}

async function come(page, name) {
  await page.getByLabel(/Your name/).fill(name);
  await page.keyboard.press("Enter");
}

async function seesState(page, text) {
  await page.locator("#state-text", { hasText: text }).waitFor();
}

async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

async function sees(page, selector, text) {
  await page.locator(`#messages ${selector}`, { hasText: text }).last().waitFor();
}

// What was said, in the order of the page.
async function conversation(page) {
  return page.locator("#messages .message").evaluateAll((items) =>
    items.map((item) => `${item.querySelector(".name").textContent}: ${item.querySelector(".text").textContent}`));
}

async function members(page) {
  return page.locator("#members li").allTextContents();
}

async function picture(page, name) {
  mkdirSync(build, { recursive: true });
  await page.screenshot({ path: join(build, `page-${name}.png`) });
}

const steps = [];
const step = (name, body) => steps.push({ name, body });

// ---- the conversation ----

let browser;
let hub;
let ann;
let bob;
let cid;

step("a name is asked for, and refused with a reason", async () => {
  hub = await startHub("--chat", "127.0.0.1:0", "--web", "127.0.0.1:0");
  cid = start("nc", ["127.0.0.1", hub.chatPort]);
  cid.tell("cid");
  await cid.hear("name? * welcome, cid; 1 here: cid");
  ann = await open(browser, hub);
  await come(ann, "CID");
  await ann.locator("#refusal", { hasText: "that name is taken" }).waitFor();
  await picture(ann, "door");
  await come(ann, "ann");
  await seesState(ann, "Connected as ann");
  await cid.hear("* ann came in");
  assert.deepEqual(await members(ann), ["ann", "cid"]);
});

step("two browsers and an nc hear each other", async () => {
  bob = await open(browser, hub);
  await come(bob, "bob");
  await seesState(bob, "Connected as bob");
  await sees(ann, ".event.came", "bob came in");
  await cid.hear("* bob came in");
  await say(ann, "hello from the browser");
  await cid.hear("ann: hello from the browser");
  await sees(bob, ".text", "hello from the browser");
  cid.tell("hello from nc, 🐢");
  await sees(ann, ".text", "hello from nc, 🐢");
  await sees(bob, ".text", "hello from nc, 🐢");
  assert.equal(await ann.locator("#messages .message.own").count(), 1);
  assert.equal(await bob.locator("#messages .message.own").count(), 0);
});

step("the administrator is seen", async () => {
  hub.tell("lunch is ready");
  await cid.hear("* administrator: lunch is ready");
  await sees(ann, ".event.administrator", "lunch is ready");
});

step("markup is text", async () => {
  const nasty = "<img src=x onerror=\"document.title='owned'\"><b>bold</b> &amp;";
  cid.tell(nasty);
  await sees(ann, ".text", nasty);
  assert.equal(await ann.locator("#messages img, #messages b").count(), 0);
  assert.notEqual(await ann.title(), "owned");
});

step("all see one order", async () => {
  const talk = async (page, name) => {
    for (let i = 0; i < 20; i++) await say(page, `${name} ${i}`);
  };
  await Promise.all([talk(ann, "a"), talk(bob, "b"), ...Array.from({ length: 20 }, (_, i) => cid.tell(`c ${i}`))]);
  for (const page of [ann, bob]) {
    for (const last of ["a 19", "b 19", "c 19"]) {
      await page.locator(".text", { hasText: new RegExp(`^${last}$`) }).waitFor();
    }
  }
  const seen = await conversation(ann);
  const others = await conversation(bob);
  assert.ok(seen.length >= 60 && others.length >= 60);
  assert.deepEqual(seen.slice(-60), others.slice(-60));
  const heard = seen.slice(-60).filter((line) => !line.startsWith("cid: "));
  for (const line of heard) await cid.hear(line); // the same, less his own
});

step("what is too long cannot be sent, and the counter says so", async () => {
  const input = ann.getByLabel("Message", { exact: true });
  await input.fill("ü".repeat(2000));
  await ann.locator("#counter", { hasText: "96 bytes left" }).waitFor();
  await input.fill("ü".repeat(2049));
  await ann.locator("#counter.over", { hasText: "2 bytes too long" }).waitFor();
  assert.ok(await ann.locator("#send").isDisabled());
  await input.fill("ü".repeat(2048));
  await ann.keyboard.press("Enter");
  await sees(bob, ".text", "ü".repeat(2048));
  await cid.hear(`ann: ${"ü".repeat(2048)}`);
});

step("it scrolls by itself only at the end", async () => {
  for (let i = 0; i < 30; i++) cid.tell(`filling ${i}`);
  await sees(ann, ".text", "filling 29");
  const distance = () =>
    ann.locator("#messages").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  assert.ok((await distance()) < 2);
  await ann.getByLabel("Message", { exact: true }).press("PageUp");
  await ann.waitForFunction(() => {
    const list = document.getElementById("messages");
    return list.scrollHeight - list.scrollTop - list.clientHeight > 100;
  });
  const before = await distance();
  cid.tell("unseen");
  await ann.locator("#latest").waitFor();
  assert.ok((await distance()) >= before);
  await ann.locator("#latest").click();
  await ann.locator("#latest").waitFor({ state: "hidden" });
  assert.ok((await distance()) < 2);
});

step("who leaves is told, and taken off the list", async () => {
  await bob.close();
  await sees(ann, ".event.left", "bob left");
  await cid.hear("* bob left");
  assert.deepEqual(await members(ann), ["ann", "cid"]);
});

step("a hub that stops says so, and the page comes back under the same name when it is there again", async () => {
  hub.kill("SIGTERM");
  await cid.hear("* the hub is stopping");
  await sees(ann, ".event.closing", "the hub is stopping");
  assert.equal(await within(hub.ended, "the hub's end"), 0);
  await seesState(ann, "Connection lost");
  await picture(ann, "lost");
  complaints.length = 0; // chromium complains about each attempt that fails
  hub = await startHub("--chat", `127.0.0.1:${hub.chatPort}`, "--web", `127.0.0.1:${hub.webPort}`);
  await ann.locator("#retry").click().catch(() => {}); // unless it has just come back by itself
  await seesState(ann, "Connected as ann");
  await sees(ann, ".event.came", "You are back");
  complaints.length = 0;
});

step("it fits a telephone", async () => {
  const small = await open(browser, hub, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  await come(small, "dan");
  await seesState(small, "Connected as dan");
  const wide = await small.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `the page is ${wide} wide`);
  await say(small, "from the bus");
  await sees(ann, ".text", "from the bus");
  await small.locator("#show-members").click();
  assert.deepEqual(await members(small), ["ann", "dan"]);
  await small.locator("#members-pane").waitFor({ state: "visible" });
  await picture(small, "small");
  await small.close();
});

step("its pictures, light and dark", async () => {
  const eva = await open(browser, hub, { colorScheme: "dark" });
  await come(eva, "eva");
  await seesState(eva, "Connected as eva");
  cid = start("nc", ["127.0.0.1", hub.chatPort]);
  cid.tell("cid");
  await cid.hear(/welcome/);
  const fay = await open(browser, hub);
  await come(fay, "fay");
  await seesState(fay, "Connected as fay");
  await say(eva, "Morning! Has anybody seen the new backend numbers?");
  await sees(fay, ".text", "Morning!");
  await say(fay, "Yes, from the terminal they look even better.");
  await sees(eva, ".text", "even better");
  cid.tell("I am the terminal: nc 127.0.0.1 9000");
  await sees(fay, ".text", "I am the terminal");
  cid.tell("and I see both of you in the same order");
  await sees(fay, ".text", "same order");
  hub.tell("lunch is ready");
  await sees(fay, ".event.administrator", "lunch");
  await say(fay, "On my way.");
  await sees(eva, ".text", "On my way.");
  await sees(fay, ".text", "On my way.");
  await picture(fay, "light");
  await picture(eva, "dark");
  if (process.env.COIR_SCREENSHOT) {
    mkdirSync(join(root, "docs"), { recursive: true });
    await fay.screenshot({ path: join(root, "docs/screenshot.png") });
  }
  await eva.close();
  await fay.close();
});

step("nothing went wrong unseen", async () => {
  assert.deepEqual(complaints.filter((text) => !/favicon/.test(text)), []);
  hub.kill("SIGTERM");
  assert.equal(await within(hub.ended, "the hub's end"), 0);
});

// ---- the run ----

if (!existsSync(chromiumPath)) skip(`there is no ${chromiumPath}`);
const { chromium } = await loadPlaywright();
let failed = false;
try {
  browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  for (const { name, body } of steps) {
    try {
      await body();
      console.log(`ok: ${name}`);
    } catch (error) {
      console.error(`FAILED: ${name}\n${error.stack}`);
      if (complaints.length) console.error(`the page complained: ${complaints.join("\n")}`);
      failed = true;
      break;
    }
  }
} finally {
  await browser?.close();
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
}
process.exit(failed ? 1 : 0);
