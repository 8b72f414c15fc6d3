import { QueryClient, QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { Component, type ReactNode, Suspense, useEffect, useState } from "react";
import { finish, isReturn } from "../api/issuer";
import { ApiError, onSessionEnd, proof } from "../api/client";
import { type Session, whoami } from "../api/session";
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

/** How often a page that is looked at asks whether its session still counts. */
const CHECK_MS = 10_000;

type State = { is: "starting" } | { is: "out"; ended: boolean; error?: unknown } | { is: "in"; session: Session };

function Gate() {
  const queries = useQueryClient();
  const [state, setState] = useState<State>({ is: "starting" });
  useEffect(() => {
    if (isReturn()) {
      finish().catch((error: unknown) => setState({ is: "out", ended: false, error }));
      return;
    }
    if (!proof.get()) {
      setState({ is: "out", ended: false });
      return;
    }
    whoami().then(
      (session) => setState({ is: "in", session }),
      (error: unknown) => setState({ is: "out", ended: false, error: error instanceof ApiError && error.code === 401 ? undefined : error }),
    );
  }, []);
  useEffect(
    () =>
      onSessionEnd(() => {
        setState((now) => (now.is === "in" ? { is: "out", ended: true } : now));
        proof.clear();
      }),
    [],
  );
  const signedIn = state.is === "in";
  useEffect(() => {
    if (!signedIn) return;
    // Watches outlive their token: ask whether the session still counts, of which a 401 is the answer.
    const check = () => void (document.hidden || whoami().catch(() => {}));
    const timer = setInterval(check, CHECK_MS);
    document.addEventListener("visibilitychange", check);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", check);
    };
  }, [signedIn]);
  if (state.is === "starting") return <Loading what="Starting" />;
  if (state.is === "out") {
    return (
      <SignIn
        ended={state.ended}
        error={state.error}
        onSignedIn={(session) => {
          queries.clear();
          setState({ is: "in", session });
        }}
      />
    );
  }
  return (
    <SessionContext.Provider value={state.session}>
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
