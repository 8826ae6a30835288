// Part of fiftyone-ntt: what the plugin runs in the browser, where FiftyOne loads one file of a
// plugin. React and FiftyOne's own packages are globals there: nothing of them is bundled.
import "./opened_samples.js";
import "./bank_browser.js";
import "./review/panel.js";
