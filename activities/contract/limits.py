"""How much can be sent: every limit of the product, each with its reason or its source. Nothing but numbers."""

# Of every text but the notes. The longest way of any is an external id's, into an address: 500 emoji are 6,000
# characters there, and servers commonly take 8,000. Graph refuses longer texts in its own words, and publishes no
# length: https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
LONGEST_TEXT = 500
# In any script, and compressed, such a note fits into a queue message that puts it back.
LONGEST_NOTES = 20_000
LONGEST_BATCH_NAME = 200  # It is a heading.

LARGEST_ACTIVITY_BYTES = 2**20  # An activity has a dozen short properties and one note.
LARGEST_BATCH = 10_000
LARGEST_BATCH_BYTES = 16 * 2**20
# Objects, lists and what stands in them, together: forty for each activity of a batch, which has two dozen at most.
# 16 MiB can hold eight million, and each costs up to two hundred bytes.
MOST_VALUES = 40 * LARGEST_BATCH
MOST_LEVELS = 100  # An activity has three; Python reads ten thousand, but may then fail to write them.
# Of a sheet: https://support.microsoft.com/office/excel-specifications-and-limits
MOST_ROWS = 2**20
MOST_COLUMNS = 2**14
# Each is read completely to correct its failed rows; a person downloads the rows of one or two.
MOST_CORRECTED_BATCHES = 20

# Source: https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction
LARGEST_MESSAGE_BYTES = 65_536
# The service refuses a larger request, in which "<", ">" and "&" are escaped, whatever the message has before:
# https://github.com/Azure/azure-sdk-for-net/issues/32663
LARGEST_ESCAPED_BYTES = 131_584
# Worked off one after the other, they take less than the five minutes after which a message may be given to another
# instance.
MOST_RECORDS_OF_MESSAGE = 500
