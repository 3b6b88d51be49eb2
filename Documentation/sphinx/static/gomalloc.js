// SPDX-License-Identifier: GPL-2.0
// Debian 12's furo has a dark theme, but does not follow the system's setting.
const dark = matchMedia("(prefers-color-scheme: dark)");

function follow() {
	if ((localStorage.getItem("theme") || "auto") === "auto")
		document.body.dataset.theme = dark.matches ? "dark" : "light";
}

follow();
dark.addEventListener("change", follow);
