/* What the pages do beyond being read. Each part leaves a page that has nothing for it alone. */

/* Terms of the glossary: the definition, which is the link's title without this script, shows on hover and on focus,
   stays while it is pointed at, and goes with Escape (WCAG 1.4.13). A tap follows the link. */
function terms() {
  const tip = Object.assign(document.createElement("div"), { id: "definition", role: "tooltip", hidden: true });
  document.body.append(tip);
  let leaving;
  const hide = () => {
    clearTimeout(leaving);
    tip.hidden = true;
    document.querySelector(`[aria-describedby=${tip.id}]`)?.removeAttribute("aria-describedby");
  };
  const hideSoon = () => { leaving = setTimeout(hide, 200); };
  const show = (term) => {
    hide();
    tip.textContent = term.dataset.definition;
    tip.hidden = false;
    term.setAttribute("aria-describedby", tip.id);
    const at = term.getBoundingClientRect();
    const above = at.bottom + tip.offsetHeight + 8 > innerHeight;
    tip.style.left = `${scrollX + Math.max(8, Math.min(at.left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${scrollY + (above ? at.top - tip.offsetHeight - 4 : at.bottom + 4)}px`;
  };
  for (const term of document.querySelectorAll("a.term")) {
    term.dataset.definition = term.title;
    term.removeAttribute("title"); // else the browser shows a second one
    term.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(term));
    term.addEventListener("pointerleave", hideSoon);
    term.addEventListener("focus", () => term.matches(":focus-visible") && show(term));
    term.addEventListener("blur", hide);
  }
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", hideSoon);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

/* A link to something folded unfolds it; paper cannot be unfolded, so everything is open on it. */
function folds() {
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details")) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((fold) => { fold.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((fold) => { fold.open = false; }));
}

/* Quizzes: the answers, which stand folded under the questions, move to where the check tells its result. */
function quiz() {
  const questions = [...document.querySelectorAll(".quiz fieldset")];
  const tell = () => {
    const checked = questions.filter((question) => question.dataset.right);
    const right = checked.filter((question) => question.dataset.right === "yes");
    const rest = questions.length - checked.length;
    document.querySelector(".quiz .score").textContent =
      `${right.length} of ${checked.length} right${rest ? `, ${rest} to go` : ": that was the last question"}.`;
  };
  for (const question of questions) {
    const [button, feedback, fold] = ["button", ".feedback", "details"].map((name) => question.querySelector(name));
    const why = fold.querySelector(".why");
    const verdict = document.createElement("strong");
    button.hidden = false;
    fold.hidden = true;
    button.addEventListener("click", () => {
      const chosen = question.querySelector("input:checked");
      verdict.textContent = "Choose an answer first.";
      feedback.replaceChildren(verdict);
      if (!chosen) return;
      const right = chosen.value === question.dataset.answer;
      question.dataset.right = right ? "yes" : "no";
      verdict.textContent = right ? "Right." : "Not this one. The answer is:";
      feedback.append(why);
      tell();
    });
    question.addEventListener("change", () => { // another choice is not judged by the last check
      fold.append(why);
      feedback.replaceChildren();
      if (question.dataset.right) { delete question.dataset.right; tell(); }
    });
  }
}

/* What scrolls sideways can be scrolled with the arrow keys. */
function scrollers() {
  for (const table of document.querySelectorAll(".bd-article table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
  }
}

terms();
folds();
scrollers();
quiz();
