/** Stacked bars over time, drawn as SVG. The table of the same numbers is there for those who cannot see them. */
export interface Bar {
  label: string;
  values: number[];
}

export function Bars({ bars, series, unit, title }: { bars: Bar[]; series: { name: string; color: string }[]; unit: (n: number) => string; title: string }) {
  const most = Math.max(1e-9, ...bars.map((b) => b.values.reduce((a, v) => a + v, 0)));
  const width = 100 / Math.max(1, bars.length);
  return (
    <figure className="bars">
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        {bars.map((b, i) => {
          let y = 40;
          return (
            <g key={b.label}>
              <title>{`${b.label}: ${series.map((s, k) => `${unit(b.values[k] ?? 0)} ${s.name}`).join(", ")}`}</title>
              <rect x={i * width} y={0} width={width} height={40} fill="transparent" />
              {b.values.map((v, k) => {
                const h = (v / most) * 39;
                y -= h;
                return h > 0 ? <rect key={series[k]?.name} x={i * width + width * 0.12} y={y} width={width * 0.76} height={h} fill={series[k]?.color} /> : null;
              })}
            </g>
          );
        })}
      </svg>
      <figcaption className="row small dim">
        <span>{bars[0]?.label}</span>
        {series.length > 1 &&
          series.map((s) => (
            <span key={s.name} className="row tight">
              <svg width="9" height="9" aria-hidden="true">
                <rect width="9" height="9" rx="2" fill={s.color} />
              </svg>
              {s.name}
            </span>
          ))}
        <span className="right">{bars.at(-1)?.label}</span>
      </figcaption>
      <table className="visually-hidden">
        <caption>{title}</caption>
        <tbody>
          {bars.map((b) => (
            <tr key={b.label}>
              <th scope="row">{b.label}</th>
              {b.values.map((v, k) => (
                <td key={series[k]?.name}>{`${unit(v)} ${series[k]?.name ?? ""}`}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
