// sphinx-thebe says that it is loading and then, without a network, nothing more.
document.addEventListener("error", (event) => {
  if (event.target.src === THEBE_JS_URL) {
    document.querySelector(".thebe-launch-button").textContent = "Live code could not be loaded. Is there a network?";
    event.target.remove();
  }
}, true);
