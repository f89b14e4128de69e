// Whether a colleague has to approve sessions: two keys of the policy, one choice of the form, because the second means
// nothing without the first.
import type { PolicyConfig } from "../bindings/PolicyConfig";

/** `""`: nobody has to. */
export type ApprovalForm = "" | "second_person" | "break_glass";

export function toApprovalForm(policy: PolicyConfig | undefined): ApprovalForm {
  if (!policy?.approval) return "";
  return policy.break_glass ? "break_glass" : "second_person";
}

/** `was`: the policy that the form was made from. */
export function toApproval(form: ApprovalForm, was: PolicyConfig | undefined): Partial<PolicyConfig> {
  if (form === toApprovalForm(was)) return {};
  return { approval: form === "" ? null : "second_person", break_glass: form === "break_glass" };
}
