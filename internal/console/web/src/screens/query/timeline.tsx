import type { KubeEvent } from "../../live/object";
import { milliseconds, stepsOf } from "../../live/steps";
import { Icon } from "../../ui/icons";
import { Empty } from "../../ui/states";

/** Steps as bars over time; for readers of the page, a table. */
export function Timeline({ events, running }: { events: KubeEvent[]; running: boolean }) {
  const steps = stepsOf(events);
  if (steps.length === 0) return running ? <p className="dim">No step has begun yet.</p> : <NoSteps />;
  const total = Math.max(...steps.map((s) => s.start + (s.took ?? 0)), 0.1);
  return (
    <section className="card scroll-x" aria-label="Timeline" tabIndex={0}>
      <table className="data timeline">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
            <th scope="col" className="bars">
              0 – {milliseconds(total)}
            </th>
          </tr>
        </thead>
        <tbody>
          {steps.map((s) => (
            <tr key={s.key}>
              <td>
                <span className="step" style={{ paddingLeft: s.depth * 16 }}>
                  <span className="badge">{s.kind}</span>
                  <span className="plain ellipsis" title={s.subject}>
                    {s.subject}
                  </span>
                  {s.times > 1 && <span className="dim small">{s.times} times</span>}
                </span>
                {s.detail && (
                  <pre className="plain small dim" style={{ paddingLeft: s.depth * 16 }}>
                    {s.detail}
                  </pre>
                )}
                {s.error && <p className="plain error">{s.error}</p>}
              </td>
              <td className="num">{milliseconds(s.start)}</td>
              <td className="num">{s.took === undefined ? (running ? "…" : "not known") : milliseconds(s.took)}</td>
              <td className="bars" aria-hidden="true">
                <div className="track">
                  <div className={`bar ${s.kind} ${s.error ? "bad" : ""}`} style={{ left: `${(100 * s.start) / total}%`, width: `${Math.max(0.4, (100 * (s.took ?? total - s.start)) / total)}%` }} />
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function NoSteps() {
  return (
    <Empty title="There are no events of this query">
      <span>
        <Icon name="clock" /> They are kept for an hour, and under heavy load queries run without. Its messages say what was done.
      </span>
    </Empty>
  );
}
