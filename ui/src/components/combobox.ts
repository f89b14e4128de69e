/** What a combobox offers. */
export interface ComboOption {
  /** What stands in the field when it is taken; each once. */
  value: string;
  /** As it is shown; without it, the value. */
  label?: string;
  detail?: string;
}
