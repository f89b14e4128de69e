// The session bar's page.
import "../styles/base.css";
