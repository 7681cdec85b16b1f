import React from "react";

// A button.
export const Button = ({ label }: { label: string }) => {
  return <button>{label}</button>;
};

export default function Page() {
  return <Button label="x" />;
}
