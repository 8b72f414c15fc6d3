export function ObjectScreen() {
  return <div className="page"><h1>Object</h1></div>;
}
