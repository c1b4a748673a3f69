// Sends what stands in the form, asks how far the check is until it has come to its end, and shows what was found.
// Everything that is shown is text: what Microsoft Graph says becomes no markup.
const WAIT_MS = 2000, LIMIT_MS = 30000;
const by = (id) => document.getElementById(id);
const form = by("form"), state = by("state"), bar = by("progress");
const here = location.pathname.replace(/\/+$/, "");
const LOOKS = { true: ["good", "Holds"], false: ["bad", "Does not hold"], null: ["waiting", "Could not be told"] };

const element = (name, text, className = "") => Object.assign(document.createElement(name), { textContent: text, className });
const say = (text, look) => {
  by("outcome").hidden = false;
  state.textContent = text;
  state.className = `state ${look}`;
};
const busy = (yes) => {
  for (const button of form.querySelectorAll("button")) button.disabled = yes;
  if (!yes) bar.hidden = true;
};

const call = async (path, options = {}) => {
  const key = by("key")?.value.trim();
  const headers = { Accept: "application/json", ...options.headers, ...(key ? { "x-functions-key": key } : {}) };
  const answer = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(LIMIT_MS) });
  const body = await answer.json().catch(() => null);
  if (answer.ok && body) return body;
  if (answer.status === 401 && !body?.error) throw new Error("The function key is missing or wrong.");
  throw new Error(body?.error?.message ?? `The app answered with status ${answer.status}.`);
};

const show = (result) => {
  const failed = result.checks.some((one) => one.holds === false) || result.status !== "completed";
  say(result.summary, failed ? "bad" : "good");
  const items = result.checks.map((one) => {
    const [look, words] = LOOKS[one.holds];
    const item = element("li", "", "reason");
    item.append(element("h3", one.assumed), element("p", words, `state ${look}`), element("p", one.observed, "observed"));
    if (one.consequence) item.append(element("p", one.consequence), element("p", `What to do: ${one.action}`, "advice"));
    item.dir = "auto";
    return item;
  });
  if (result.leftovers.length) items.unshift(element("li", `May still be there: ${result.leftovers.join(", ")}`, "reason"));
  by("findings").replaceChildren(...items);
  by("raw").hidden = false;
  by("json").textContent = JSON.stringify(result, null, 2);
};

const follow = async (first) => {
  let result = first;
  while (result.status === "running") {
    say(`Running: ${result.done} of ${result.total} tried`, "running");
    bar.hidden = false;
    bar.max = result.total;
    bar.value = result.done;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    result = await call(`${here}/last`);
  }
  show(result);
};

const begin = async (ask) => {
  busy(true);
  by("findings").replaceChildren();
  by("raw").hidden = true;
  say("Asking the app", "running");
  try {
    await follow(await ask());
  } catch (error) {
    const words = error.name === "TimeoutError" || error.name === "TypeError" ? "The app did not answer." : error.message;
    say(words, "bad");
  }
  busy(false);
};
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = [...new FormData(form)].filter(([, value]) => value.trim());
  const body = JSON.stringify(Object.fromEntries(given));
  begin(() => call(here, { method: "POST", headers: { "Content-Type": "application/json" }, body }));
});
by("last").addEventListener("click", () => begin(() => call(`${here}/last`)));
