//! Limits for untrusted input: maximum sizes, depths and counts of a sequence to read.

/// Nesting depth of groups, conditions and included files in a task sequence.
pub const MAX_SEQUENCE_DEPTH: usize = 32;
/// Steps and groups of a task sequence, including those of included files. Each takes at least 200
/// bytes of the 2 MB that a site stores (R76).
pub const MAX_SEQUENCE_STEPS: usize = 10_000;
/// Length of an exported task sequence, or of a member of a ZIP archive, in bytes. A site stores 2
/// MB (R76).
pub const MAX_EXPORT_LEN: u64 = 16 << 20;
/// Nesting depth of elements in the XML of a task sequence: 32 groups and the parts of a step.
pub const MAX_XML_DEPTH: usize = 80;
/// Elements and attributes of an XML document. Each takes at least 8 bytes of the 2 MB that a site
/// stores (R76).
pub const MAX_XML_PARTS: usize = 1 << 18;
/// Attributes of an XML element, each of which is compared with those before it. A step has about a
/// dozen.
pub const MAX_XML_ATTRIBUTES: usize = 100;
/// Child elements of an XML element. A step with a thousand network adapters has fewer variables.
pub const MAX_XML_CHILDREN: usize = 20_000;
/// Instances of classes in the policies of a medium. Each program and application of a sequence has
/// a few.
pub const MAX_POLICY_INSTANCES: usize = 50_000;
