/* The style sheets, each once. */

const SHEETS = ["./shared/tokens.css", "./style.css"];

export default async () => {
  for (const sheet of SHEETS) {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: new URL(sheet, import.meta.url).href });
    document.head.append(link);
  }
  return {};
};
