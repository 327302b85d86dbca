// What forms do without this file, it does with fewer steps. Nothing of a
// page depends on it.
'use strict';

const masked = '••••••••••••••••••••••••';

function say(box, text) {
  const at = box.querySelector('[data-said]');
  if (at) at.textContent = text;
}

// The page as it looks locked. Reloading might send a form again.
function toLocked() {
  location.replace(document.querySelector('.lockbar [name=next]').value);
}

// The text of a secret: as it stands, or fetched as View would fetch it.
async function textOf(box) {
  const code = box.querySelector('.secret-text');
  if (code.textContent !== masked) return code.textContent;
  const answer = await fetch(box.dataset.from, {
    method: 'POST',
    headers: { Accept: 'application/json' },
    credentials: 'same-origin',
    redirect: 'error',
  });
  if (answer.status === 403) {
    toLocked(); // the profile has locked itself
    throw new Error('locked');
  }
  if (!answer.ok) throw new Error('refused');
  return (await answer.json()).secret;
}

for (const box of document.querySelectorAll('[data-secret]')) {
  const code = box.querySelector('.secret-text');
  const view = box.querySelector('[data-view]');
  const copy = box.querySelector('[data-copy]');
  if (view) {
    view.disabled = false;
    const label = () => { view.textContent = code.textContent === masked ? 'View' : 'Hide'; };
    label();
    view.form.addEventListener('submit', async (event) => {
      event.preventDefault();
      try {
        code.textContent = code.textContent === masked ? await textOf(box) : masked;
        say(box, '');
      } catch {
        say(box, 'This did not work. Reload the page and try again.');
      }
      label();
    });
  }
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(await textOf(box));
        say(box, 'Copied.');
      } catch {
        say(box, 'This could not be copied. View it, then select it.');
      }
    });
  }
}

// Commands: one at a time, behind tabs.
for (const box of document.querySelectorAll('[data-tabs]')) {
  const panels = [...box.querySelectorAll('[data-tab]')];
  const list = document.createElement('div');
  list.className = 'tabs';
  list.setAttribute('role', 'tablist');
  list.setAttribute('aria-label', 'Commands for');
  const tabs = panels.map((panel, i) => {
    const tab = document.createElement('button');
    tab.type = 'button';
    tab.id = `tab-${i}`;
    tab.textContent = panel.dataset.tab;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', `panel-${i}`);
    panel.id = `panel-${i}`;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab.id);
    panel.querySelector('h3').hidden = true;
    list.append(tab);
    return tab;
  });
  const show = (n, focus) => {
    panels.forEach((panel, i) => { panel.hidden = i !== n; });
    tabs.forEach((tab, i) => {
      tab.setAttribute('aria-selected', String(i === n));
      tab.tabIndex = i === n ? 0 : -1;
    });
    if (focus) tabs[n].focus();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => show(i));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show((to + tabs.length) % tabs.length, true);
    });
  });
  box.prepend(list);
  show(0);
}

// How long the profile stays unlocked; then the page shows that it is locked,
// unless something typed would be lost.
const typed = new Set(); // forms
for (const at of document.querySelectorAll('[data-countdown]')) {
  const ends = Date.now() + Number(at.dataset.countdown) * 1000;
  const two = (n) => String(n).padStart(2, '0');
  const tick = () => {
    const left = Math.round((ends - Date.now()) / 1000);
    if (left > 0) {
      const hours = Math.floor(left / 3600);
      const minutes = Math.floor(left / 60) % 60;
      at.textContent = `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(left % 60)} left`;
      return;
    }
    clearInterval(timer);
    at.textContent = 'locked now';
    for (const box of document.querySelectorAll('[data-secret][data-from] .secret-text')) box.textContent = masked;
    if (!typed.size && !document.querySelector('[data-secret]:not([data-from])')) toLocked();
  };
  const timer = setInterval(tick, 1000);
}

// Leaving with something typed asks.
for (const form of document.querySelectorAll('form[data-watch]')) {
  if (form.dataset.watch) typed.add(form);
  form.addEventListener('input', () => typed.add(form));
  form.addEventListener('submit', () => typed.delete(form));
}
addEventListener('beforeunload', (event) => { if (typed.size) event.preventDefault(); });

// A new password: what the rule still asks for, as auth.PasswordRule has it.
function own(text, words) {
  text = text.toLowerCase();
  for (let n = 1; n <= text.length / 2; n++) {
    if (text.slice(n) === text.slice(0, -n)) {
      text = text.slice(0, n);
      break;
    }
  }
  for (const word of words) text = text.replaceAll(word, '\0');
  let count = 0;
  let before = 0;
  for (const c of text) {
    const at = c.codePointAt(0);
    const run = before && (Math.abs(at - before) < 2 || [at, before].sort().join() === '48,57');
    if (at && !run) count++;
    before = at;
  }
  return count;
}

for (const meter of document.querySelectorAll('[data-meter]')) {
  const input = document.getElementById(meter.dataset.meter);
  const least = Number(meter.dataset.least);
  const words = (meter.dataset.words ?? '').split(' ').filter(Boolean);
  const judge = () => {
    const n = [...input.value].length;
    const more = least - n;
    if (n === 0) meter.textContent = '';
    else if (more > 0) meter.textContent = `${more} more ${more === 1 ? 'character' : 'characters'} needed.`;
    else if (own(input.value, words) < Number(meter.dataset.own ?? 2)) meter.textContent = 'Too easy to guess: common words, your name and runs such as 1234 do not count.';
    else meter.textContent = n < least + 8 ? 'Long enough.' : 'Long enough, and strong.';
  };
  input.addEventListener('input', judge);
}

// A form that makes something is sent once, however often it is clicked.
for (const id of document.querySelectorAll('input[name="form"]')) {
  let last = -Infinity;
  id.form.addEventListener('submit', (event) => {
    if (event.timeStamp - last < 3000) event.preventDefault();
    else last = event.timeStamp;
  });
}

// A dropped file of a public key.
for (const area of document.querySelectorAll('textarea[data-drop]')) {
  area.addEventListener('dragover', (event) => event.preventDefault());
  area.addEventListener('drop', async (event) => {
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    area.value = file.size > 16384 ? '' : await file.text();
    area.dispatchEvent(new Event('input', { bubbles: true }));
  });
}
