import { useQuery } from "@tanstack/react-query";
import { useSession } from "../../app/context";
import { Age } from "../../ui/time";
import { conversations } from "./data";

/** The newest conversations, from the read model. */
export function Conversations({ namespace, current, open }: { namespace: string; current?: string; open: (c: { target: string; conversation: string }) => void }) {
  const session = useSession();
  const list = useQuery({ queryKey: ["conversations", namespace], enabled: session.features.readModel, queryFn: () => conversations(namespace), retry: false });
  return (
    <nav className="conversations" aria-label="Conversations">
      <h2>Conversations</h2>
      {!session.features.readModel && <p className="dim small">The list needs the read model.</p>}
      {list.error && <p className="dim small plain">They cannot be listed: {list.error.message}</p>}
      {list.data?.length === 0 && <p className="dim small">There are none yet.</p>}
      <ul>
        {(list.data ?? []).map((c) => (
          <li key={c.id}>
            <button type="button" aria-current={c.id === current ? "true" : undefined} onClick={() => open({ target: c.target, conversation: c.id })}>
              <span className="plain ellipsis">{c.first || c.id}</span>
              <span className="dim small plain ellipsis">
                {c.target}, {c.questions} {c.questions === 1 ? "question" : "questions"}, <Age time={c.last} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
