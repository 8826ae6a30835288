// Whenever the App reloads the dataset, as it does after operators of this plugin, it also asks
// again for the samples that were opened in it.
//
// The App keeps what it learned of a sample when that was opened, for each view it was opened in,
// as long as its page is there. Closing the sample or reloading the dataset does not change that,
// and another view only until the user comes back to this one. An editor on such a sample writes
// back what it knew. So the App's own questions are asked once more; the answers lie where the old
// ones did, and what is on the screen shows them at once. The view and the grid stay as they are.
//
// The server does not have this executed: an App whose page is older than this file, or that could
// not read it, knows no such operator and shows an error instead of the dataset. The operator is
// there for its hooks, which live as long as it runs: from the start of the page on.
(() => {
  const { executeOperator, Operator, OperatorConfig, registerOperator } = window.__foo__ ?? {};
  const { datasetName, getCurrentEnvironment, refresher } = window.__fos__ ?? {};
  const { useEffect, useRef } = window.React ?? {};
  const { useRecoilValue } = window.recoil ?? {};
  const used = [executeOperator, Operator, OperatorConfig, registerOperator, datasetName];
  if (![...used, getCurrentEnvironment, refresher, useEffect, useRecoilValue].every(Boolean)) {
    console.warn("fiftyone-ntt does not know this version of FiftyOne: opened samples stay as read");
    return;
  }

  async function readOpenedSamples(dataset) {
    const environment = getCurrentEnvironment();
    // The answers to one sample's questions of several views are one record: the last will do.
    const questions = new Map();
    for (const { operation } of environment.getStore()._roots.values()) {
      const { node, variables } = operation.request;
      if (node.params.name === "mainSampleQuery" && variables.dataset === dataset) {
        questions.set(JSON.stringify(variables.filter), operation);
      }
    }
    await Promise.all(
      [...questions.values()].map((operation) => environment.execute({ operation }).toPromise())
    );
  }

  class KeepOpenedSamples extends Operator {
    get config() {
      return new OperatorConfig({
        name: "keep_opened_samples",
        label: "Keep opened samples up to date",
        unlisted: true,
      });
    }

    useHooks() {
      const reloads = useRecoilValue(refresher);
      const dataset = useRecoilValue(datasetName);
      const seen = useRef(reloads);
      useEffect(() => {
        if (reloads === seen.current) return;
        seen.current = reloads;
        readOpenedSamples(dataset).catch((error) =>
          console.error("Opened samples could not be read again:", error)
        );
      }, [reloads, dataset]);
      return {};
    }

    execute() {
      return new Promise(() => {}); // never: the hooks would end with it
    }
  }

  const plugin = "@ntt/reference_segmentation";
  registerOperator(KeepOpenedSamples, plugin);
  // Not `onStartup`: that moment may be over when the browser has this file.
  executeOperator(`${plugin}/keep_opened_samples`, {});
})();
