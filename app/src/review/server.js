// Asking the panel's Python. What depends on the view goes the App's own way, which sends that along;
// pictures and decisions go straight to the server: the App first draws something for each of its
// own requests, and ends those that are under way when its page is closed.
const MOST_KEPT_ALIVE = 60_000; // bytes: browsers see no more through after a page is gone

export function panelServer(operator, dataset) {
  const { __foo__: operators, __fou__: utilities } = window;

  const answered = ({ result, error, errorMessage, error_message: message }) => {
    if (error) throw new Error(errorMessage ?? message ?? "FiftyOne's server reports an error");
    if (result?.error) throw new Error(result.error);
    return result;
  };

  const inView = (method, params) =>
    new Promise((resolve, reject) => {
      const callback = (given) => {
        try {
          resolve(answered(given));
        } catch (error) {
          reject(error);
        }
      };
      operators.executeOperator(`${operator}#${method}`, params, { callback });
    });

  const post = async (method, params) => {
    const body = JSON.stringify({
      operator_uri: operator,
      dataset_name: dataset,
      params: { ...params, __method__: method },
    });
    const request = {
      method: "POST",
      headers: { "Content-Type": "application/json", ...utilities.getFetchHeaders() },
      body,
    };
    const url = utilities.getFetchUrl("/operators/execute");
    const response = await (body.length < MOST_KEPT_ALIVE
      ? fetch(url, { ...request, keepalive: true }).catch((error) => {
          if (document.visibilityState === "hidden") throw error;
          return fetch(url, request); // others may have used up what may be kept alive
        })
      : fetch(url, request));
    if (!response.ok) throw new Error(`FiftyOne's server says ${response.status}`);
    return answered(await response.json());
  };

  return {
    ask: (method, params) => (method === "queue" ? inView : post)(method, params),
    send: async (decisions) => (await post("decide", { decisions })).reports,
  };
}
