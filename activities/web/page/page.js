// Fetches this very page again and takes over what has changed. Elements stay the same objects, so focus, scroll
// position, selection and opened rows stay as they are; nothing that is already there moves: only a reload sorts again.
const FIRST_MS = 2000, LAST_MS = 15000, GROWTH = 1.3, LIMIT_MS = 30000;
const MOMENT = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const page = document.querySelector("main"), stale = document.getElementById("stale");
const due = () => !document.hidden && page.dataset.status === "running";
let pause = FIRST_MS, timer = 0;

// Moments stand in the page in UTC; the reader's own clock says more.
const localised = (root) => {
  for (const time of root.querySelectorAll("time")) time.textContent = new Date(time.dateTime).toLocaleString("en-GB", MOMENT);
  return root;
};

// Siblings of the same name have a key. What holds no key is small, and is filled anew when anything in it changes.
const named = (parent) => new Map([...parent.children].map((child) => [child.dataset.key ?? child.nodeName, child]));
const update = (mine, fresh) => {
  for (const { name, value } of fresh.attributes) if (name !== "open") mine.setAttribute(name, value);
  const changed = !fresh.querySelector("[data-key]") && mine.innerHTML !== fresh.innerHTML;
  if (changed) mine.replaceChildren(...fresh.cloneNode(true).childNodes);
  const gone = named(mine);
  let next = null;
  for (const [name, node] of [...named(fresh)].reverse()) {
    next = gone.get(name) ?? mine.insertBefore(node, next);
    update(next, node);
    gone.delete(name);
  }
  gone.forEach((element) => element.remove());
};

const schedule = () => {
  clearTimeout(timer);
  if (due()) timer = setTimeout(refresh, pause);
  pause = Math.min(pause * GROWTH, LAST_MS);
};
const refresh = async () => {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(LIMIT_MS) });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    update(page, localised(fresh.querySelector("main[data-status]")));
    document.title = fresh.title;
    stale.textContent = "";
  } catch {
    stale.textContent = "Not up to date: the app did not answer. This page keeps trying by itself.";
  }
  schedule();
};
document.addEventListener("visibilitychange", () => {
  pause = FIRST_MS;
  clearTimeout(timer);
  if (due()) refresh();
});
localised(page);
schedule();
