import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { Component, type ReactNode, Suspense, useEffect, useState } from "react";
import { ApiError, onSessionEnd } from "../api/client";
import { whoami } from "../api/session";
import { Failure, Loading } from "../ui/states";
import { SessionContext } from "./context";
import { Layout } from "./layout";
import { SignIn } from "./signin";
import { Toasts } from "./toast";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => count < 2 && (!(error instanceof ApiError) || error.code === 0 || error.code === 429 || error.code >= 500),
    },
  },
});

/** Keeps a screen's failure on the screen: the rest goes on. */
export class Boundary extends Component<{ children: ReactNode; resetKey?: string }, { error?: unknown }> {
  override state: { error?: unknown } = {};
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override componentDidUpdate(before: { resetKey?: string }) {
    if (this.state.error !== undefined && before.resetKey !== this.props.resetKey) this.setState({ error: undefined });
  }
  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <div className="page">
        <Failure error={this.state.error} what="This page cannot be shown" retry={() => this.setState({ error: undefined })} />
      </div>
    );
  }
}

function Gate() {
  const queries = useQueryClient();
  const session = useQuery({ queryKey: ["session"], queryFn: whoami, staleTime: Number.POSITIVE_INFINITY, retry: false });
  const [ended, setEnded] = useState(false);
  const known = session.data !== undefined;
  useEffect(
    () =>
      onSessionEnd(() => {
        if (queries.getQueryData(["session"])) setEnded(true);
        queries.clear();
        queries.setQueryData(["session"], undefined);
      }),
    [queries],
  );
  useEffect(() => {
    if (known) setEnded(false);
  }, [known]);
  if (session.isPending && !ended) return <Loading what="Starting" />;
  if (!session.data || ended) {
    const error = session.error instanceof ApiError && session.error.code !== 401 ? session.error : undefined;
    return (
      <SignIn
        ended={ended}
        error={error}
        onSignedIn={(s) => {
          queries.clear();
          queries.setQueryData(["session"], s);
          setEnded(false);
        }}
      />
    );
  }
  return (
    <SessionContext.Provider value={session.data}>
      <Suspense fallback={<Loading />}>
        <Layout>
          <Outlet />
        </Layout>
      </Suspense>
    </SessionContext.Provider>
  );
}

export function Root() {
  return (
    <QueryClientProvider client={client}>
      <Boundary>
        <Gate />
      </Boundary>
      <Toasts />
    </QueryClientProvider>
  );
}
