// Texts of the session bar.
export const bar = {
  label: "Session",
  back: "Back",
  forward: "Forward",
  reload: "Reload",
  navigation: "Page",
  zoom: "Zoom",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  zoomReset: (percent: string) => `${percent}: back to 100 %`,
  percent: (zoom: number) => `${Math.round(zoom * 100)} %`,
  reason: (reason: string) => `Reason: ${reason}`,
  elapsed: (time: string) => `Running for ${time}`,
  left: (time: string) => `Ends by itself in ${time}`,
  soon: "Less than two minutes left.",
  opening: "Signing in…",
  refused: "Sign-in refused",
  ending: "Ending…",
  end: "End session",
  /** A button's name and its key, as a tooltip. */
  withKey: (name: string, key: string) => `${name} (${key})`,
  onPage: (location: string) => `On ${location}`,
};
