// What the actions of all three backends say. The scripts must never run where it is shown.
export const HTML = `<h2>Account</h2><p onclick="document.title = 'clicked'">Plan: <strong>pro</strong></p>
<script>document.title = 'script ran'</script><img src="x" onerror="document.title = 'image ran'">`;
export const REFUSAL = {
  error: 'This account is frozen',
  html: '<p>Ask <strong>billing</strong> first.</p>',
};
