import { stringify } from "yaml";
import { Copy } from "../../ui/copy";

/** An object as YAML. */
export default function Yaml({ value }: { value: unknown }) {
  const text = stringify(JSON.parse(JSON.stringify(value)), { lineWidth: 0 });
  return (
    <div className="line">
      <pre className="plain grow" tabIndex={0}>
        {text}
      </pre>
      <Copy text={text} />
    </div>
  );
}
