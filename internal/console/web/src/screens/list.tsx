export function ListScreen() {
  return <div className="page"><h1>List</h1></div>;
}
