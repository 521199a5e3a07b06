// The page of the hub: a WebSocket to /chat, JSON texts both ways, one list of messages in the order the hub tells them.
//
// The name is asked first, then the page connects and comes in under it. When the connection is lost the page says so,
// waits (half a second, doubled each time, at most 30 seconds, with some chance in it) and comes in again under the same
// name. Whatever comes from the hub reaches the page through textContent only, so nothing in it can be markup.

const MESSAGE_LIMIT = 4096; // bytes of a message, as the hub counts
const COUNT_FROM = 3500; // from so many bytes on the counter is shown
const KEPT = 1000; // messages kept in the page
const TOGETHER = 3 * 60 * 1000; // ms within which one speaker's messages stand under one name
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30000;
const HUES = 8;
const REENTRIES = 5; // after a lost connection the hub may still hold our name for a moment
const REENTRY_WAIT = 1000;

const element = (id) => document.getElementById(id);
const messages = element("messages");
const encoder = new TextEncoder();
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

const chat = {
  socket: null,
  name: null, // ours, once we are in
  wanted: null, // the one to come in with; kept over lost connections
  lost: false, // we were in, and shall be again
  reentries: 0, // refusals that are still put up with when coming in again
  wait: FIRST_WAIT,
  timer: 0,
  members: new Map(), // name -> its list item
  last: null, // of the last message: { name, at }
  unseen: 0, // messages since the page was hidden
};

// ---- showing ----

// offline, connecting, in, waiting
function showState(state, text) {
  element("state").dataset.state = state;
  element("state-text").textContent = text;
  element("retry").hidden = state !== "waiting";
  element("text").disabled = chat.name === null;
  showSize();
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function makeName(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return make("bdi", `name hue${hash % HUES}`, name);
}

function makeTime(at) {
  const date = new Date(at);
  const node = make("time", "", clock.format(date));
  node.dateTime = date.toISOString();
  node.title = date.toLocaleString();
  return node;
}

function isAtEnd() {
  return messages.scrollHeight - messages.scrollTop - messages.clientHeight < 48;
}

function toEnd() {
  messages.scrollTop = messages.scrollHeight;
  element("latest").hidden = true;
}

function append(item, mine = false) {
  const follow = mine || isAtEnd();
  messages.append(item);
  while (messages.childElementCount > KEPT) messages.firstElementChild.remove();
  if (follow) toEnd();
  else element("latest").hidden = false;
}

function showEvent(kind, text, at) {
  const item = make("li", `event ${kind}`);
  item.append(make("bdi", "", text), makeTime(at));
  chat.last = null;
  append(item);
}

function showSaid(name, text, at) {
  const mine = name === chat.name;
  const follows = chat.last !== null && chat.last.name === name && at - chat.last.at < TOGETHER;
  const item = make("li", `message${mine ? " own" : ""}${follows ? " follows" : ""}`);
  const from = make("div", "from");
  const body = make("p", "text", text);
  from.append(makeName(name), makeTime(at));
  body.dir = "auto";
  body.title = new Date(at).toLocaleString();
  item.append(from, body);
  chat.last = { name, at };
  append(item, mine);
  countUnseen();
}

function countUnseen() {
  chat.unseen = document.hidden ? chat.unseen + 1 : 0;
  document.title = chat.unseen ? `(${chat.unseen}) coir hub` : "coir hub";
}

// ---- who is here ----

function addMember(name) {
  if (chat.members.has(name)) return;
  const item = make("li", name === chat.name ? "own" : "");
  item.append(makeName(name));
  const list = element("members");
  const next = [...list.children].find((other) => other.textContent.localeCompare(name) > 0);
  list.insertBefore(item, next ?? null);
  chat.members.set(name, item);
}

function setMembers(names) {
  element("members").replaceChildren();
  chat.members.clear();
  const order = [...names].sort((one, other) => one.localeCompare(other));
  for (const name of order) {
    const item = make("li", name === chat.name ? "own" : "");
    item.append(makeName(name));
    chat.members.set(name, item);
  }
  element("members").append(...chat.members.values());
}

function showCount() {
  element("count").textContent = String(chat.members.size);
  element("members-title").textContent = `Here now: ${chat.members.size}`;
}

// ---- what the hub says ----

const handlers = {
  welcome({ name, members, at }) {
    const greeting = chat.lost ? "You are back" : `Welcome, ${name}`;
    chat.lost = false;
    chat.name = name;
    chat.wanted = name;
    chat.reentries = REENTRIES;
    chat.wait = FIRST_WAIT;
    localStorage.setItem("name", name);
    setMembers(members);
    showCount();
    showState("in", `Connected as ${name}`);
    showEvent("came", greeting, at);
    refuse("");
    element("entrance").close();
    element("text").focus();
  },
  refused({ reason }) {
    if (chat.reentries > 0) {
      chat.reentries -= 1; // the hub may not have noticed yet that the old connection is gone
      chat.timer = setTimeout(enter, REENTRY_WAIT);
      return;
    }
    askName(reason);
  },
  came({ name, at }) {
    addMember(name);
    showCount();
    showEvent("came", `${name} came in`, at);
  },
  left({ name, at }) {
    chat.members.get(name)?.remove();
    chat.members.delete(name);
    showCount();
    showEvent("left", `${name} left`, at);
  },
  said({ name, text, at }) {
    showSaid(name, text, at);
  },
  administrator({ text, at }) {
    showEvent("administrator", `Administrator: ${text}`, at);
    countUnseen();
  },
  notice({ text, at }) {
    showEvent("notice", text, at);
  },
  closing({ text, at }) {
    showEvent("closing", text, at);
  },
};

// ---- the connection ----

function send(request) {
  if (chat.socket?.readyState !== WebSocket.OPEN) return false;
  chat.socket.send(JSON.stringify(request));
  return true;
}

function enter() {
  send({ type: "enter", name: chat.wanted });
}

function connect() {
  clearTimeout(chat.timer);
  showState("connecting", "Connecting…");
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/chat`);
  chat.socket = socket;
  socket.addEventListener("open", enter);
  socket.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    handlers[message.type]?.(message);
  });
  socket.addEventListener("close", () => {
    if (chat.socket === socket) disconnected();
  });
}

function disconnected() {
  const pending = chat.socket !== null && element("enter").disabled;
  clearTimeout(chat.timer);
  chat.lost ||= chat.name !== null;
  chat.socket = null;
  chat.name = null;
  if (element("entrance").open) {
    showState("offline", "Not connected");
    if (pending) refuse("The hub cannot be reached; try again.");
    return;
  }
  const wait = chat.wait * (0.75 + Math.random() / 2);
  chat.wait = Math.min(chat.wait * 2, LONGEST_WAIT);
  countDown(Date.now() + wait);
}

function countDown(until) {
  const left = until - Date.now();
  if (left <= 0) {
    connect();
    return;
  }
  const seconds = Math.ceil(left / 1000);
  showState("waiting", `Connection lost; trying again in ${seconds} s`);
  chat.timer = setTimeout(() => countDown(until), Math.min(left, 1000));
}

function retry() {
  if (chat.socket === null && chat.lost) connect();
}

// ---- the door ----

function askName(reason) {
  const dialog = element("entrance");
  const input = element("name");
  chat.lost = false;
  showState("offline", "Not in the room");
  refuse(reason);
  if (input.value === "") input.value = chat.wanted ?? localStorage.getItem("name") ?? "";
  if (!dialog.open) dialog.showModal();
  input.focus();
  input.select();
}

function refuse(reason) {
  element("refusal").textContent = reason;
  element("enter").disabled = false;
}

// Without a name there is nothing to see behind the door.
element("entrance").addEventListener("cancel", (event) => event.preventDefault());

element("entrance-form").addEventListener("submit", (event) => {
  event.preventDefault();
  chat.wanted = element("name").value.trim();
  element("refusal").textContent = "";
  element("enter").disabled = true;
  if (chat.socket?.readyState === WebSocket.OPEN) enter();
  else connect();
});

// ---- the line to type in ----

function sizeOf(text) {
  return encoder.encode(text).length;
}

function showSize() {
  const text = element("text").value;
  const size = sizeOf(text);
  const counter = element("counter");
  counter.hidden = size < COUNT_FROM;
  counter.classList.toggle("over", size > MESSAGE_LIMIT);
  counter.value = size > MESSAGE_LIMIT ? `${size - MESSAGE_LIMIT} bytes too long` : `${MESSAGE_LIMIT - size} bytes left`;
  element("send").disabled = chat.name === null || text === "" || size > MESSAGE_LIMIT;
}

element("text").addEventListener("input", showSize);

element("text").addEventListener("keydown", (event) => {
  const pages = { PageUp: -1, PageDown: 1 }[event.key];
  if (pages === undefined) return;
  messages.scrollBy({ top: pages * messages.clientHeight * 0.9 });
  event.preventDefault();
});

element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = element("text");
  if (element("send").disabled || !send({ type: "say", text: input.value })) return;
  input.value = "";
  showSize();
});

// ---- the rest ----

messages.addEventListener("scroll", () => {
  if (isAtEnd()) element("latest").hidden = true;
});
element("latest").addEventListener("click", () => {
  toEnd();
  element("text").focus();
});
element("retry").addEventListener("click", retry);
element("show-members").addEventListener("click", () => {
  const open = element("members-pane").classList.toggle("open");
  element("show-members").setAttribute("aria-expanded", String(open));
});
window.addEventListener("online", retry);
window.addEventListener("resize", () => {
  if (element("latest").hidden) toEnd();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  chat.unseen = 0;
  document.title = "coir hub";
  retry();
});

askName("");
